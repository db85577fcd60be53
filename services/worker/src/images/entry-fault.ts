import { type FunctionFault, faultOf } from '@weft/sandbox'

/** How an image's program is to be started. */
export interface EntryPoint {
  readonly command: readonly string[]
  /** The folder it starts in, as seen inside. */
  readonly folder: string
}

const reasons = [
  'no such file or directory',
  'permission denied',
  'exec format error',
  'not a directory',
  'is a directory',
]

/** Why an entry point cannot even be tried, if so. */
export function wrongFromTheStart({ command, folder }: EntryPoint): FunctionFault | undefined {
  if (command.length === 0) return invalidEntryPoint('the image has no entry point and no command')
  return folder.startsWith('/')
    ? undefined
    : invalidFolder(`the working directory '${folder}' is invalid, it needs to be an absolute path`)
}

/** What the user is told when an OCI runtime would not start the program, by what that had to say. */
export function entryFault(said: string, { command, folder }: EntryPoint): FunctionFault {
  const [program = ''] = command
  const reason = reasons.find((one) => said.includes(one))
  if (/chdir to cwd/.test(said))
    return invalidFolder(
      reason === undefined || reason === 'no such file or directory'
        ? `the working directory doesn't exist: ${folder}`
        : `chdir ${folder}: ${reason}`,
    )
  if (said.includes('executable file not found'))
    return invalidEntryPoint(`exec: ${JSON.stringify(program)}: executable file not found in $PATH`)
  return invalidEntryPoint(`fork/exec ${program}: ${reason ?? 'it could not be started'}`)
}

const invalidEntryPoint = (message: string): FunctionFault => faultOf('Runtime.InvalidEntrypoint', message)
const invalidFolder = (message: string): FunctionFault => faultOf('Runtime.InvalidWorkingDir', message)
