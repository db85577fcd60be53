import { expect, test } from 'vitest'
import { longestLineBytes, OutputLines } from './output-lines.ts'

test('output becomes lines, and a line that never ends becomes events of the largest size', () => {
  const lines: string[] = []
  const output = new OutputLines()
  const take = (line: string) => lines.push(line)
  output.push(Buffer.from('a\r\n\nb'), take)
  output.push(Buffer.from('c\nd'), take)
  expect(lines).toEqual(['a', '', 'bc'])
  output.flush(take)
  output.flush(take)
  expect(lines.splice(0)).toEqual(['a', '', 'bc', 'd'])
  output.push(Buffer.alloc(longestLineBytes + 10, 'x'), take)
  output.flush(take)
  expect(lines.map((line) => line.length)).toEqual([longestLineBytes, 10])
})
