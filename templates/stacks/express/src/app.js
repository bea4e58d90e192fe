// The application: JSON bodies in, your routes, JSON errors out.
import express from "express";

import { routes } from "./routes.js";

export const app = express();

// Reads a JSON body into req.body. Where a request has none, req.body is undefined; where the body is empty, it is {}.
// Without a limit of your own, bodies over 100 kB are refused with 413.
app.use(express.json({ limit: "1mb" }));

app.use(routes);

// No route matched.
app.use((req, res) => {
  res.status(404).json({ error: `There is no ${req.method} ${req.path}` });
});

// Whatever a route throws ends up here, and so does a body that is not JSON. Express knows an error handler by its four
// parameters.
app.use((error, req, res, next) => {
  if (res.headersSent) return next(error);

  const status = error.status ?? 500;
  if (status >= 500) console.error(error);
  res.status(status).json({ error: status < 500 ? error.message : "Internal server error" });
});
