import { fileURLToPath } from 'node:url'

const path = (name: string): string => fileURLToPath(new URL(name, import.meta.url))

/** Folders with the programs of our own runtimes, to be made visible read-only at /var/runtime inside a sandbox. */
export const runtimePrograms = {
  /** Start with `node bootstrap.mjs`. */
  nodejs: path('./nodejs'),
  /** Start with `python3 -I bootstrap.py`. */
  python: path('./python'),
  /** Start with `ruby bootstrap.rb`. */
  ruby: path('./ruby'),
  /** Start with `python3 -I -S launch.py`; becomes the package's own `bootstrap`, or a Java machine. */
  custom: path('./custom'),
} as const
