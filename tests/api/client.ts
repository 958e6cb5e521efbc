// What an upstream system in TypeScript does with the generated types. client.js URL JOB.json
import createClient from "openapi-fetch";
import { readFileSync } from "node:fs";
import { randomUUID } from "node:crypto";
import type { components, paths } from "./kartu.js";

type Job = components["schemas"]["Job"];
const [url, path] = process.argv.slice(2);
if (!url || !path) throw new Error("client.js URL JOB.json");
const station = createClient<paths>({ baseUrl: url });
const request: components["schemas"]["JobRequest"] = JSON.parse(readFileSync(path, "utf8"));

function must<T>(data: T | undefined, error: unknown): T {
  if (data === undefined) throw new Error(JSON.stringify(error));
  return data;
}
function same(one: unknown, other: unknown): void {
  if (JSON.stringify(one) !== JSON.stringify(other)) throw new Error(`${one} is not ${other}`);
}

async function printed(id: string): Promise<Job> {
  const onTheWay: Job["state"][] = ["received", "queued", "claimed", "composed", "encoding", "encoded", "printing"];
  for (let turn = 0; turn < 600; turn++) {
    const { data, error } = await station.GET("/v1/jobs/{id}", { params: { path: { id } } });
    const job = must(data, error);
    if (!onTheWay.includes(job.state)) return job;
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("the job stays on its way");
}

async function post(key: string): Promise<Job> {
  const header = { "Idempotency-Key": key };
  const { data, error } = await station.POST("/v1/jobs", { params: { header }, body: request });
  return must(data, error);
}

async function loaded(): Promise<number> {
  const { data, error } = await station.GET("/v1/blanks");
  return must(must(data, error).days.at(-1), "no day").loaded;
}

async function load(key: string): Promise<number> {
  const header = { "Idempotency-Key": key };
  const body = { kind: "loaded", cards: 5, by: "petugas-ts" } as const;
  const { data, error } = await station.POST("/v1/blanks", { params: { header }, body });
  return must(data, error).seq;
}

let key = randomUUID();
const posted = await post(key);
same((await post(key)).id, posted.id);
const job = await printed(posted.id);
same(job.state, "printed");
const query = { ref: request.ref, state: ["printed", "held"] as Job["state"][] };
const { data, error } = await station.GET("/v1/jobs", { params: { query } });
same(must(data, error).jobs.map((one) => one.id), [posted.id]);
const picture = await station.GET("/v1/jobs/{id}/preview/{face}", {
  params: { path: { id: posted.id, face: "front.png" } },
  parseAs: "arrayBuffer",
});
same(new Uint8Array(must(picture.data, picture.error) as ArrayBuffer)[0], 0x89);
const before = await loaded();
key = randomUUID();
same(await load(key), await load(key));
same(await loaded(), before + 5);
