// Limiters of the npm registry behind a server: `node node_server.mjs KIND LIMIT WINDOW BLOCK FD`, times in seconds.
// It serves the listening socket that it inherits as FD, until it is terminated.

import express from "express";
import { rateLimit } from "express-rate-limit";
import { RateLimiterMemory } from "rate-limiter-flexible";

const [kind, limit, window, block, fd] = process.argv.slice(2);
const app = express();

function flexible(options) {
  const limiter = new RateLimiterMemory(options);
  return (request, response, next) =>
    limiter
      .consume("everybody")
      .then(() => next())
      .catch((refusal) => {
        response.set("Retry-After", String(Math.ceil(refusal.msBeforeNext / 1000)));
        response.status(429).send("Too Many Requests");
      });
}

const KINDS = {
  express: () => rateLimit({ windowMs: window * 1000, limit: Number(limit), standardHeaders: "draft-8", legacyHeaders: false }),
  "express-silent": () => rateLimit({ windowMs: window * 1000, limit: Number(limit), standardHeaders: false, legacyHeaders: false }),
  flexible: () => flexible({ points: Number(limit), duration: Number(window) }),
  "flexible-block": () => flexible({ points: Number(limit), duration: Number(window), blockDuration: Number(block) }),
};

app.get("/ready", (request, response) => response.end()); // no limit holds it back
app.use(KINDS[kind]());
app.get("/{*any}", (request, response) => response.send("hello"));
app.listen({ fd: Number(fd) });
