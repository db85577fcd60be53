import { expect, test } from 'vitest'
import { holderProgram } from './holder-program.ts'

test.each([
  ['x64', 62],
  ['arm64', 183],
])('an ELF program for %s', (arch, machine) => {
  const program = holderProgram(arch)
  expect(program.subarray(0, 4).toString('latin1')).toBe('\x7fELF')
  expect(program.readUInt16LE(18)).toBe(machine)
  // It begins behind its headers, and all of it is loaded.
  expect(program.readBigUInt64LE(24)).toBe(0x400078n)
  expect(program.readBigUInt64LE(96)).toBe(BigInt(program.length))
  // What tells the kernel to ignore SIGCHLD lies at the end, aligned: SIG_IGN and nothing else.
  expect((program.length - 32) % 8).toBe(0)
  expect(program.subarray(-32)).toEqual(Buffer.concat([Buffer.from([1]), Buffer.alloc(31)]))
  expect(program.length).toBeLessThan(256)
})

test('there is none for other machines', () => {
  expect(() => holderProgram('riscv64')).toThrow('container images cannot be run on riscv64')
})
