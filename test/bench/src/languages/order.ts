import { execFile } from 'node:child_process'
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const examples = fileURLToPath(new URL('../../../../examples/order/', import.meta.url))

/** The example in one language. */
export interface OrderFunction {
  readonly folder: string
  readonly handler: string
  /** Runtimes that it is measured on. */
  readonly runtimes: RegExp
  /** Where its files lie for a bare process, below what the build leaves; absent: as they are in the example. */
  readonly built?: string
}

const custom = /^provided\.al2023$/
export const orderFunctions: readonly OrderFunction[] = [
  { folder: 'nodejs', handler: 'till.total', runtimes: /^nodejs/ },
  { folder: 'python', handler: 'till.total', runtimes: /^python/ },
  { folder: 'ruby', handler: 'till.total', runtimes: /^ruby/ },
  { folder: 'java', handler: 'shop.Till', runtimes: /^java/, built: 'classes' },
  { folder: 'go', handler: 'bootstrap', runtimes: custom, built: '.' },
  { folder: 'rust', handler: 'bootstrap', runtimes: custom, built: 'target/release' },
  { folder: 'csharp', handler: 'bootstrap', runtimes: custom, built: 'package' },
]

export const order = JSON.stringify({
  customer: 'Ada',
  items: [{ name: 'Assam', quantity: 2, priceCents: 450 }],
})

export interface BuiltFunction extends OrderFunction {
  readonly zip: Buffer
  readonly filesDir: string
}

/** Runs the example's build script; needs its compiler. */
export async function build(what: OrderFunction, outDir: string): Promise<BuiltFunction> {
  const out = join(outDir, what.folder)
  await promisify(execFile)(join(examples, what.folder, 'build.sh'), [out])
  const filesDir = what.built === undefined ? join(examples, what.folder) : join(out, what.built)
  return { ...what, zip: readFileSync(join(out, 'function.zip')), filesDir }
}

/** Files of a folder by their names, as a bare process is given them. */
export const filesIn = (dir: string): Record<string, Buffer> =>
  Object.fromEntries(
    readdirSync(dir, { recursive: true, encoding: 'utf8' })
      .filter((name) => statSync(join(dir, name)).isFile())
      .map((name) => [name, readFileSync(join(dir, name))]),
  )
