import { expect, test } from 'vitest'
import { entryFault, wrongFromTheStart } from './entry-fault.ts'

const entry = { command: ['/app', 'x'], folder: '/srv' }
const told = (said: string, where = entry): unknown => JSON.parse(entryFault(said, where).document.toString())

test.each([
  // As runc 1.1 and a Docker engine say it.
  [
    'exec failed: unable to start container process: exec: "/app": stat /app: no such file or directory',
    'fork/exec /app: no such file or directory',
  ],
  [
    '/app cannot be started: OCI runtime exec failed: exec failed: container_linux.go:380: starting container process caused: exec: "/app": permission denied: unknown',
    'fork/exec /app: permission denied',
  ],
  ['exec /app: exec format error', 'fork/exec /app: exec format error'],
  ['exec: "/app": is a directory', 'fork/exec /app: is a directory'],
  ['something else', 'fork/exec /app: it could not be started'],
])('%s', (said, errorMessage) => {
  expect(told(said)).toEqual({ errorType: 'Runtime.InvalidEntrypoint', errorMessage })
})

test('a program that is on no path', () => {
  const said = 'exec failed: exec: "app": executable file not found in $PATH'
  const errorMessage = 'exec: "app": executable file not found in $PATH'
  expect(told(said, { ...entry, command: ['app'] })).toMatchObject({ errorMessage })
})

test('a folder that is not there, or not to be entered', () => {
  const said = (why: string) => `chdir to cwd ("/srv") set in config.json failed: ${why}`
  expect(told(said('no such file or directory'))).toEqual({
    errorType: 'Runtime.InvalidWorkingDir',
    errorMessage: "the working directory doesn't exist: /srv",
  })
  expect(told(said('permission denied'))).toMatchObject({ errorMessage: 'chdir /srv: permission denied' })
})

test('what cannot even be tried', () => {
  expect(wrongFromTheStart(entry)).toBeUndefined()
  expect(wrongFromTheStart({ ...entry, folder: 'srv' })?.errorType).toBe('Runtime.InvalidWorkingDir')
  expect(wrongFromTheStart({ ...entry, command: [] })?.errorType).toBe('Runtime.InvalidEntrypoint')
})
