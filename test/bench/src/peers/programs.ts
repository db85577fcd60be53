import { fileURLToPath } from 'node:url'

/** Folder with the peers' own package.json and lock file. */
export const peers = fileURLToPath(new URL('../../peers', import.meta.url))

const programs: Readonly<Record<string, string>> = {
  'functions-framework': '@google-cloud/functions-framework/build/src/main.js',
  serverless: 'serverless/bin/serverless.js',
}

/** The file of a program that a peer's package brings. */
export function peerProgram(name: string): string {
  const file = programs[name]
  if (file === undefined) throw new Error(`no peer is called ${name}`)
  return `${peers}/node_modules/${file}`
}
