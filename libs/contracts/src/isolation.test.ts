import { expect, test } from 'vitest'
import { isolates, isolationOfRuntime, strictest } from './isolation.ts'

test('what is stronger will do, what is weaker will not', () => {
  expect(isolates('gvisor', 'container')).toBe(true)
  expect(isolates('gvisor', 'gvisor')).toBe(true)
  expect(isolates('container', 'gvisor')).toBe(false)
  expect(isolates('none', 'container')).toBe(false)
  expect(isolates('', 'container')).toBe(false)
  expect(isolates('', '')).toBe(true)
})

test('the strictest of account and function counts', () => {
  expect(strictest(undefined, undefined)).toBe('')
  expect(strictest('gvisor', undefined)).toBe('gvisor')
  expect(strictest('gvisor', 'container')).toBe('gvisor')
  expect(strictest('container', 'vm')).toBe('vm')
  // Written by hand, or by a later release: nobody knows what it asks for.
  expect(strictest('container', 'airgap')).toBe('vm')
})

test('runtimes are known by their names', () => {
  expect(['runc', 'crun', 'runsc', 'io.containerd.kata.v2'].map(isolationOfRuntime)).toEqual([
    ...['container', 'container', 'gvisor', 'vm'],
  ])
})
