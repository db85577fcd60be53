import { err, ok, type Result } from '@weft/contracts'

/**
 * `*` stands for any characters, `\*` and `\\` for themselves. Matching takes time in proportion to text times pattern at
 * the worst, whatever the pattern. The error is the reason in the words of AWS.
 */
export function compileWildcard(pattern: string): Result<(text: string) => boolean, string> {
  const parts: string[] = ['']
  for (let at = 0; at < pattern.length; at++) {
    const character = pattern[at] as string
    if (character === '*') {
      if (pattern[at + 1] === '*') return err(`Consecutive wildcard characters at pos ${at + 1}`)
      parts.push('')
      continue
    }
    if (character === '\\') {
      const escaped = pattern[at + 1]
      if (escaped !== '*' && escaped !== '\\') return err(`Invalid escape character at pos ${at}`)
      at++
      parts[parts.length - 1] += escaped
      continue
    }
    parts[parts.length - 1] += character
  }
  return ok((text) => matchesParts(text, parts))
}

/** The earliest place for each part in turn leaves the most room for those that follow. */
function matchesParts(text: string, parts: readonly string[]): boolean {
  const [first = '', ...rest] = parts
  if (rest.length === 0) return text === first
  if (!text.startsWith(first)) return false
  const last = rest.pop() as string
  let from = first.length
  for (const part of rest) {
    const found = text.indexOf(part, from)
    if (found < 0) return false
    from = found + part.length
  }
  return text.length - last.length >= from && text.endsWith(last)
}
