import { readFile } from 'node:fs/promises'

/** What a registry is shown; of the forms that docker's config.json has, those that need no other program. */
export type RegistryCredential =
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** Exchanged for a token at the registry's token service. */
  | { readonly kind: 'identity-token'; readonly token: string }
  /** Sent as it is. */
  | { readonly kind: 'registry-token'; readonly token: string }

/** Looks up what the operator gave for a repository of a registry. */
export type RegistryCredentials = (registry: string, repository: string) => Promise<RegistryCredential | undefined>

export const noCredentials: RegistryCredentials = () => Promise.resolve(undefined)

/**
 * A file of the shape of docker's config.json, read anew each time, so that credentials can be renewed while the service
 * runs. Rejects when it cannot be read.
 */
export const credentialsFile =
  (path: string): RegistryCredentials =>
  async (registry, repository) =>
    findCredential(await readFile(path, 'utf8'), registry, repository)

/**
 * An entry for the repository, or a folder that it is in, comes before one for all of the registry. Throws when the text is
 * not of that shape.
 */
export function findCredential(text: string, registry: string, repository: string): RegistryCredential | undefined {
  const { auths } = object(JSON.parse(text))
  const entries = new Map(
    Object.entries(auths === undefined ? {} : object(auths)).map(([name, value]) => [nameOf(name), value] as const),
  )
  const parts = [nameOf(registry), ...repository.split('/')]
  for (; parts.length > 0; parts.pop()) {
    const entry = entries.get(parts.join('/'))
    if (entry !== undefined) return credentialOf(object(entry))
  }
  return undefined
}

/** Keys are `registry[/folder]`; docker writes some of them as URLs, and its own registry by a name of old. */
function nameOf(key: string): string {
  const isUrl = /^https?:\/\//.test(key)
  const [host = '', ...folders] = key.replace(/^https?:\/\//, '').split('/')
  const name = host.toLowerCase()
  const registry = ['index.docker.io', 'registry-1.docker.io'].includes(name) ? 'docker.io' : name
  // The path of a URL is one of the registry's API, such as /v1/.
  return isUrl ? registry : [registry, ...folders.filter((folder) => folder !== '')].join('/')
}

function credentialOf(entry: Readonly<Record<string, unknown>>): RegistryCredential | undefined {
  const text = (name: string): string => (typeof entry[name] === 'string' ? entry[name] : '')
  if (text('identitytoken') !== '') return { kind: 'identity-token', token: text('identitytoken') }
  if (text('registrytoken') !== '') return { kind: 'registry-token', token: text('registrytoken') }
  const [username, password] = [text('username'), text('password')]
  if (username !== '') return { kind: 'password', username, password }
  const plain = Buffer.from(text('auth'), 'base64').toString()
  const colon = plain.indexOf(':')
  return colon < 1 ? undefined : { kind: 'password', username: plain.slice(0, colon), password: plain.slice(colon + 1) }
}

function object(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  throw new Error("registry credentials are not of the shape of docker's config.json")
}
