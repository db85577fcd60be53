/** What a WWW-Authenticate header asks for (RFC 9110; the token flow of registries builds on it). */
export type Challenge =
  | { readonly scheme: 'basic' }
  | { readonly scheme: 'bearer'; readonly realm: string; readonly service?: string; readonly scope?: string }

/** Undefined: a scheme that is not spoken here, or none. */
export function parseChallenge(header: string | undefined): Challenge | undefined {
  const scheme = /^\s*([A-Za-z]+)(?=\s|$)/.exec(header ?? '')?.[1]?.toLowerCase()
  if (scheme === 'basic') return { scheme }
  if (scheme !== 'bearer' || header === undefined) return undefined
  const parameters = new Map<string, string>()
  for (const [, name = '', quoted, plain] of header.matchAll(
    /(?<![A-Za-z_])([A-Za-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g,
  ))
    parameters.set(name.toLowerCase(), quoted === undefined ? (plain ?? '') : quoted.replace(/\\(.)/g, '$1'))
  const realm = parameters.get('realm')
  if (realm === undefined || !URL.canParse(realm)) return undefined
  const service = parameters.get('service')
  const scope = parameters.get('scope')
  return { scheme, realm, ...(service !== undefined && { service }), ...(scope !== undefined && { scope }) }
}
