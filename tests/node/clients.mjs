// Calls LLM providers with their own SDKs. Each input line is a call in JSON. Each output line is the result of a call:
// {"id", "answer"}, {"id", "pieces"} for a stream, or {"id", "error"}.
//
// Members of a call:
// - `id`
// - `client`: a module in clients/, and `operation`: one of its functions
// - `url`, `token`, and additional `headers`
// - `abortAfter`: aborts a stream after this number of pieces
// - arguments of the function

import { createInterface } from "node:readline";

const FROM_COMMAND_LINE = process.argv.slice(2);

const clients = Object.fromEntries(
  await Promise.all(FROM_COMMAND_LINE.map(async (name) => [name, await import(`./clients/${name}.mjs`)])),
);

async function outcome(call) {
  const abort = new AbortController();
  const answer = await clients[call.client][call.operation]({ headers: {}, signal: abort.signal, ...call });
  if (typeof answer === "string") return { answer };
  const pieces = [];
  for await (const piece of answer) {
    pieces.push(piece);
    if (pieces.length === call.abortAfter) {
      abort.abort();
      break;
    }
  }
  return { pieces };
}

function describeError(error) {
  return {
    // Some SDKs set the name of the class only, others that of the instance only.
    name: error.name === "Error" ? error.constructor.name : error.name,
    status: error.status ?? error.statusCode ?? error.$metadata?.httpStatusCode ?? null,
    // Vercel's provider for Google reads the message only from Google's own error format. Otherwise it uses the status.
    message: error.responseBody ? `${error.message}: ${error.responseBody}` : error.message,
  };
}

for await (const line of createInterface({ input: process.stdin })) {
  const call = JSON.parse(line);
  const report = (result) => console.log(JSON.stringify({ id: call.id, ...result }));
  outcome(call).then(report, (error) => report({ error: describeError(error) }));
}
