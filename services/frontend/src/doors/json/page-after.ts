/** A page of a list in order of name; the token is the last name of the page before, in base64url. */
export function pageAfter<T>(
  all: readonly T[],
  nameOf: (one: T) => string,
  token: string | undefined,
  most: number,
): { readonly items: readonly T[]; readonly nextToken?: string } {
  const after = token === undefined ? '' : Buffer.from(token, 'base64url').toString()
  const rest = all.filter((one) => nameOf(one) > after).sort((a, b) => (nameOf(a) < nameOf(b) ? -1 : 1))
  const items = rest.slice(0, most)
  const last = items.at(-1)
  const more = rest.length > most && last !== undefined
  return { items, ...(more && { nextToken: Buffer.from(nameOf(last)).toString('base64url') }) }
}
