// k6 with its open model: as many requests per second as asked, whatever the answers do.
import http from "k6/http";

export const options = {
  discardResponseBodies: true,
  summaryTrendStats: ["p(90)", "p(99)"],
  scenarios: {
    steady: {
      executor: "constant-arrival-rate",
      rate: Number(__ENV.BENCH_RATE),
      timeUnit: "1s",
      duration: `${__ENV.BENCH_SECONDS}s`,
      preAllocatedVUs: Number(__ENV.BENCH_USERS),
    },
  },
};

export default function () {
  http.get(__ENV.BENCH_URL);
}
