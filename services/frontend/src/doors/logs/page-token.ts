import { createHash } from 'node:crypto'
import { invalid } from './members.ts'

/**
 * Tokens of pages: numbers, and a mark of what was asked, so that a token of one question is not taken for another's.
 * It guards against mistakes; what a caller may read is decided from its credentials alone.
 */
export function formatToken(question: readonly unknown[], numbers: readonly number[], prefix = ''): string {
  return `${prefix}${Buffer.from(`${mark(question)}.${numbers.join('.')}`).toString('base64url')}`
}

export function parseToken(question: readonly unknown[], token: string, count: number, prefix = ''): readonly number[] {
  const [said, ...numbers] = Buffer.from(token.slice(prefix.length), 'base64url').toString().split('.')
  const wellFormed = numbers.length === count && numbers.every((n) => /^\d{1,15}$/.test(n))
  if (!token.startsWith(prefix) || said !== mark(question) || !wellFormed)
    throw invalid('The specified nextToken is invalid.')
  return numbers.map(Number)
}

const mark = (question: readonly unknown[]): string =>
  createHash('sha256').update(JSON.stringify(question)).digest('base64url').slice(0, 16)
