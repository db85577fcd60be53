// Brings in, while nobody waits, what Node.js loads and compiles only at its first use and every function uses.
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatWithOptions } from 'node:util'
import { loadHandler } from './handler.mjs'

const here = dirname(fileURLToPath(import.meta.url))

/** Leaves nothing behind that a function could see. */
export async function warmUp() {
  // To read these is to make the streams.
  void process.stdout
  void process.stderr
  formatWithOptions({}, '%s', new Date().toISOString(), {})
  await loadHandler(here, 'warm/module.handler')
  await loadHandler(here, 'warm/script.handler')
  const { cache } = createRequire(import.meta.url)
  for (const path of Object.keys(cache)) if (path.startsWith(here)) delete cache[path]
}
