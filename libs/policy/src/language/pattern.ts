/**
 * Patterns of policies: `*` for any text, `?` for one character, and variables such as `${aws:username}`, whose values are
 * taken as they are. Matching takes time in proportion to text times pattern, whatever a caller writes.
 */

/** Value of a condition key, by the key in lower case; undefined when the request has none. */
export type ContextLookup = (key: string) => string | readonly string[] | undefined

export interface Pattern {
  matches(text: string, context: ContextLookup): boolean
}

const star = -1
const one = -2

interface Variable {
  /** Lower case. */
  readonly key: string
  readonly fallback?: string
}

/** A character code, a wildcard, or a variable to be filled in. */
type Token = number | Variable

export interface PatternOptions {
  /** Off in documents of version 2008-10-17, where `${…}` is plain text. */
  readonly variables: boolean
  readonly wildcards: boolean
  readonly ignoreCase?: boolean
}

const variablePattern = /^\$\{\s*([^,}]*?)\s*(?:,\s*'([^']*)'\s*)?\}/

function tokenize(text: string, options: PatternOptions): Token[] {
  const tokens: Token[] = []
  for (let at = 0; at < text.length; at++) {
    const found = options.variables && text[at] === '$' ? variablePattern.exec(text.slice(at, at + 512)) : null
    if (found) {
      const [whole, key = '', fallback] = found
      // `${*}`, `${?}` and `${$}` stand for the characters themselves.
      if (key === '*' || key === '?' || key === '$') tokens.push(key.charCodeAt(0))
      else tokens.push({ key: key.toLowerCase(), ...(fallback !== undefined && { fallback }) })
      at += whole.length - 1
    } else if (options.wildcards && text[at] === '*') tokens.push(star)
    else if (options.wildcards && text[at] === '?') tokens.push(one)
    else tokens.push(text.charCodeAt(at))
  }
  return tokens
}

/** Variables replaced by their values; undefined when one has neither a single value nor a default. */
function fill(tokens: readonly Token[], context: ContextLookup, ignoreCase: boolean): number[] | undefined {
  const filled: number[] = []
  for (const token of tokens) {
    if (typeof token === 'number') {
      filled.push(token)
      continue
    }
    const given = context(token.key)
    const value = typeof given === 'string' ? given : given?.length === 1 ? given[0] : undefined
    const text = value ?? token.fallback
    if (text === undefined) return undefined
    for (const character of (ignoreCase ? text.toLowerCase() : text).split('')) filled.push(character.charCodeAt(0))
  }
  return filled
}

/** The greedy match with one point of return, the last star: never more than text times pattern steps. */
export function globMatches(pattern: readonly number[], text: string): boolean {
  let p = 0
  let t = 0
  let lastStar = -1
  let resume = 0
  while (t < text.length) {
    const want = pattern[p]
    if (want === star) {
      lastStar = p++
      resume = t
    } else if (want !== undefined && (want === one || want === text.charCodeAt(t))) {
      p++
      t++
    } else if (lastStar >= 0) {
      p = lastStar + 1
      t = ++resume
    } else return false
  }
  while (pattern[p] === star) p++
  return p === pattern.length
}

function compileTokens(tokens: readonly Token[], ignoreCase: boolean): Pattern {
  const plain = tokens.every((token) => typeof token === 'number') ? (tokens as readonly number[]) : undefined
  const shown = (text: string): string => (ignoreCase ? text.toLowerCase() : text)
  if (!plain)
    return {
      matches(text, context) {
        const filled = fill(tokens, context, ignoreCase)
        return filled !== undefined && globMatches(filled, shown(text))
      },
    }
  if (plain.length === 1 && plain[0] === star) return { matches: () => true }
  if (!plain.some((token) => token < 0)) {
    const exact = textOf(plain)
    return { matches: (text) => shown(text) === exact }
  }
  const firstWild = plain.findIndex((token) => token < 0)
  if (firstWild === plain.length - 1 && plain[firstWild] === star) {
    const prefix = textOf(plain.slice(0, firstWild))
    return { matches: (text) => shown(text).startsWith(prefix) }
  }
  return { matches: (text) => globMatches(plain, shown(text)) }
}

const textOf = (codes: readonly number[]): string => codes.map((code) => String.fromCharCode(code)).join('')

/** One text as a whole. */
export function compilePattern(text: string, options: PatternOptions): Pattern {
  const ignoreCase = options.ignoreCase ?? false
  return compileTokens(tokenize(ignoreCase ? text.toLowerCase() : text, options), ignoreCase)
}

const colon = ':'.charCodeAt(0)
/** `arn:partition:service:region:account:resource`; the resource may hold further colons. */
const arnParts = 6

/** An ARN, part by part: a wildcard does not reach over the colons that part them. `*` alone is any ARN. */
export function compileArnPattern(text: string, options: PatternOptions): Pattern {
  const tokens = tokenize(text, options)
  if (tokens.length === 1 && tokens[0] === star) return { matches: () => true }
  const parts: Token[][] = [[]]
  for (const token of tokens)
    if (token === colon && parts.length < arnParts) parts.push([])
    else parts.at(-1)?.push(token)
  if (parts.length < arnParts) {
    // No ARN by itself; it can still become one, by a variable that holds it. Wildcards would reach over the colons.
    const wild = tokens.some((token) => token === star || token === one)
    return wild ? { matches: () => false } : compileTokens(tokens, false)
  }
  const compiled = parts.map((part) => compileTokens(part, false))
  return {
    matches(arn, context) {
      const given = splitArn(arn)
      return given.length === arnParts && compiled.every((part, at) => part.matches(given[at] ?? '', context))
    },
  }
}

function splitArn(arn: string): string[] {
  const parts: string[] = []
  let from = 0
  while (parts.length < arnParts - 1) {
    const at = arn.indexOf(':', from)
    if (at < 0) break
    parts.push(arn.slice(from, at))
    from = at + 1
  }
  return [...parts, arn.slice(from)]
}
