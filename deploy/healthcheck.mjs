// Health check of a container: exit code 0 when the URL answers 2xx, else 1 and what it said.
const answer = await fetch(process.argv[2], { signal: AbortSignal.timeout(4_000) }).catch((error) => error)
if (!answer.ok) {
  process.stderr.write(answer instanceof Error ? `${answer.message}\n` : `${answer.status} ${await answer.text()}\n`)
  process.exitCode = 1
}
