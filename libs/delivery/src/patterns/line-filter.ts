import { err, ok, type Result } from '@weft/contracts'

/** Whether a line matches. */
export type LineFilter = (message: string) => boolean

const everything: LineFilter = () => true
const longestPattern = 1_024

/**
 * The unstructured part of CloudWatch's filter patterns: terms that must all occur, `"quoted ones"` with spaces,
 * `-excluded` ones, and `?any` of which one must occur unless there are terms that must all. Case counts. Patterns for
 * JSON fields, columns and regular expressions are refused, so that one is never taken for text by mistake.
 */
export function parseFilterPattern(pattern: string | undefined): Result<LineFilter, 'unsupported' | 'malformed'> {
  const text = pattern?.trim() ?? ''
  if (text === '') return ok(everything)
  if (text.length > longestPattern) return err('malformed')
  if (/^[[{%]/.test(text)) return err('unsupported')
  const all: string[] = []
  const none: string[] = []
  const any: string[] = []
  const token = /\s*([-?]?)(?:"((?:[^"\\]|\\.)*)"|([^\s"]+))(?=\s|$)/gy
  let end = 0
  for (let m = token.exec(text); m; m = token.exec(text)) {
    const [, sign, quoted, plain] = m
    const term = quoted === undefined ? (plain ?? '') : quoted.replaceAll(/\\(.)/g, '$1')
    const list = sign === '-' ? none : sign === '?' ? any : all
    list.push(term)
    end = token.lastIndex
  }
  if (end !== text.length) return err('malformed')
  return ok(
    (message) =>
      all.every((term) => message.includes(term)) &&
      !none.some((term) => message.includes(term)) &&
      (all.length > 0 || any.length === 0 || any.some((term) => message.includes(term))),
  )
}
