// Writes usage.json and exporter.json beside this folder: node deploy/grafana/generator/write.mjs
import { writeFileSync } from "node:fs";
import { texts } from "./texts.mjs";

for (const [name, text] of Object.entries(texts)) writeFileSync(new URL(`../${name}`, import.meta.url), text);
