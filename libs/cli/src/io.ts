import { styleText } from 'node:util'

/** What a command may touch of its process; a test hands in its own. */
export interface Io {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly stdout: NodeJS.WritableStream
  readonly stderr: NodeJS.WritableStream
  /** Whole standard input, for payloads given as `-`. */
  readStdin(): Promise<Buffer>
  /** Aborts when the user wants to stop (Ctrl-C). */
  readonly stop: AbortSignal
}

/** Exit codes of the command. */
export const exitCodes = {
  done: 0,
  /** Refused, unreachable or unhealthy; one line on standard error says which. */
  failed: 1,
  /** The command line itself is wrong. */
  usage: 2,
  /** The call went through and the function failed. */
  functionError: 3,
} as const

/** Ends a command with one clear line. */
export class CommandError extends Error {
  readonly exitCode: number

  constructor(message: string, exitCode: number = exitCodes.failed) {
    super(message)
    this.exitCode = exitCode
  }
}

type Style = Parameters<typeof styleText>[0]

/** Text in colour where the stream is a terminal that shows it. */
export const paint = (stream: NodeJS.WritableStream, style: Style, text: string): string =>
  (stream as Partial<NodeJS.WriteStream>).isTTY ? styleText(style, text, { stream }) : text
