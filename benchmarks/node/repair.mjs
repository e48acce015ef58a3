// Reads a JSON list of texts; writes a line for each: what jsonrepair makes of it, or nothing where it throws.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(process.env.NODE_PATH + "/");
const { jsonrepair } = require("jsonrepair");
const answers = JSON.parse(readFileSync(0, "utf8")).map((text) => {
  try {
    return JSON.stringify([JSON.parse(jsonrepair(text))]);
  } catch {
    return "[]";
  }
});
process.stdout.write(answers.join("\n"));
