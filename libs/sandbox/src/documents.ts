/** Error documents that the platform writes itself, in the words of AWS (recorded answers, 2025). */
import type { SandboxExit } from './driver.ts'

export interface FunctionFault {
  /** For records, logs and REPORT lines. */
  readonly errorType: string
  readonly document: Buffer
}

const fault = (errorType: string, errorMessage: string): FunctionFault => ({
  errorType,
  document: Buffer.from(JSON.stringify({ errorType, errorMessage })),
})

/** `timeoutMs` as configured; AWS shows seconds with two decimals. */
export const timedOut = (requestId: string, timeoutMs: number): FunctionFault =>
  fault(
    'Sandbox.Timedout',
    `RequestId: ${requestId} Error: Task timed out after ${(timeoutMs / 1_000).toFixed(2)} seconds`,
  )

/** How Go, in which AWS's core is written, names signals. */
const signalNames: Readonly<Record<string, string>> = {
  SIGABRT: 'aborted',
  SIGBUS: 'bus error',
  SIGFPE: 'floating point exception',
  SIGILL: 'illegal instruction',
  SIGKILL: 'killed',
  SIGSEGV: 'segmentation fault',
  SIGTERM: 'terminated',
}

/** A fault of an extension; the platform's own words for it are not in AWS's documentation. */
export const faultOf = (errorType: string, errorMessage: string): FunctionFault => fault(errorType, errorMessage)

/** How a process ended, in the words that AWS's core has from Go. */
export const exitText = ({ signal, code }: SandboxExit): string =>
  signal === undefined ? `exit status ${code ?? 0}` : `signal: ${signalNames[signal] ?? signal}`

/** The program that was to become the runtime could not be started: that is told by the platform. */
const startFaults: readonly string[] = ['Runtime.InvalidEntrypoint', 'Runtime.InvalidWorkingDir']

/** What a runtime says of its initialisation that failed, or the platform of a program that it could not start. */
export function initFailed(requestId: string, document: Buffer): FunctionFault {
  const errorType = errorTypeOf(document) || 'Runtime.Unknown'
  if (!startFaults.includes(errorType)) return { errorType, document }
  const { errorMessage } = JSON.parse(document.toString('utf8')) as { readonly errorMessage?: unknown }
  return fault(errorType, `RequestId: ${requestId} Error: ${errorMessage}`)
}

/** The runtime's process ended without an answer. */
export function exited(requestId: string, exit: SandboxExit): FunctionFault {
  const prefix = `RequestId: ${requestId} Error: Runtime exited`
  if (exit.oomKilled) return fault('Runtime.OutOfMemory', `${prefix} with error: signal: killed`)
  if (exit.signal !== undefined || exit.code)
    return fault('Runtime.ExitError', `${prefix} with error: ${exitText(exit)}`)
  return fault('Runtime.ExitError', `${prefix} without providing a reason`)
}

/** The runtime sent what no runtime may send. */
export const brokenProtocol = (requestId: string, reason: string): FunctionFault =>
  fault('Runtime.Unknown', `RequestId: ${requestId} Error: Runtime sent an invalid message: ${reason}`)

/** The answer is larger than `limitBytes`. */
export const responseTooLarge = (limitBytes: number): FunctionFault => ({
  errorType: 'Function.ResponseSizeTooLarge',
  document: Buffer.from(
    JSON.stringify({
      errorMessage: `Response payload size exceeded maximum allowed payload size (${limitBytes} bytes).`,
      errorType: 'Function.ResponseSizeTooLarge',
    }),
  ),
})

/** No document longer than this is searched for its type; a longer one is passed on unread. */
const readableBytes = 512 * 1024

/** `errorType` of a document that a runtime wrote, "" when it has none. For records; the document goes on unchanged. */
export function errorTypeOf(document: Buffer): string {
  if (document.length > readableBytes) return ''
  try {
    const value: unknown = JSON.parse(document.toString('utf8'))
    const errorType = typeof value === 'object' && value !== null && 'errorType' in value ? value.errorType : ''
    return typeof errorType === 'string' ? errorType.slice(0, 256) : ''
  } catch {
    // A custom runtime may answer with anything.
    return ''
  }
}
