// console.* in AWS's formats, as LOG frames, so that a line is always ahead of the answer it belongs to.
import { formatWithOptions } from 'node:util'

const levels = { trace: 'TRACE', debug: 'DEBUG', log: 'INFO', info: 'INFO', warn: 'WARN', error: 'ERROR' }
const rank = { TRACE: 0, DEBUG: 1, INFO: 2, WARN: 3, ERROR: 4, FATAL: 5 }

const errorForJson = (error) => ({
  errorType: error.name,
  errorMessage: error.message,
  stackTrace: typeof error.stack === 'string' ? error.stack.split('\n') : [],
})

/** Makes what is written to a standard stream one message a line, in order with the console's. */
export function captureStream(stream, write) {
  let held = ''
  const take = (text) => {
    const lines = (held + text).split('\n')
    held = lines.pop()
    for (const line of lines) write(Date.now(), line)
  }
  stream.write = (chunk, encoding, callback) => {
    const done = typeof encoding === 'function' ? encoding : callback
    take(typeof chunk === 'string' ? chunk : Buffer.from(chunk).toString('utf8'))
    if (done) process.nextTick(done)
    return true
  }
  /** Gives out what has no newline yet; called at the end of an invocation. */
  return () => {
    if (held !== '') take('\n')
  }
}

/** Replaces the console's methods. `requestId()` and `tenantId()` are the running invocation's, or undefined. */
export function captureConsole({ write, requestId, tenantId, logFormat, logLevel }) {
  const least = rank[(logLevel ?? 'TRACE').toUpperCase()] ?? 0
  const line = (level, args) => {
    const at = new Date()
    if (logFormat !== 'JSON') {
      return write(
        at.getTime(),
        `${at.toISOString()}\t${requestId() ?? 'undefined'}\t${level}\t${formatWithOptions({}, ...args)}`,
      )
    }
    const record = { timestamp: at.toISOString(), level, requestId: requestId(), tenantId: tenantId() }
    if (args.length === 1 && args[0] instanceof Error)
      Object.assign(record, { message: args[0].message, ...errorForJson(args[0]) })
    else record.message = args.length === 1 && typeof args[0] === 'object' ? args[0] : formatWithOptions({}, ...args)
    let text
    try {
      text = JSON.stringify(record)
    } catch {
      // A cycle or a BigInt: AWS falls back to the formatted text too.
      text = JSON.stringify({ ...record, message: formatWithOptions({}, ...args) })
    }
    write(at.getTime(), text)
  }
  for (const [method, level] of Object.entries(levels)) {
    console[method] = (...args) => {
      if (logFormat === 'JSON' && rank[level] < least) return
      line(level, args)
    }
  }
  return line
}
