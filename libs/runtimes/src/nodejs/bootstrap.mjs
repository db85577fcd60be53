// The Node.js runtime: waits for a function's code, loads its handler, and runs one invocation at a time.
import { Module } from 'node:module'
import { connect, Socket } from 'node:net'
import { captureConsole, captureStream } from './console.mjs'
import {
  END,
  ERROR,
  FATAL,
  frameWriter,
  HELLO,
  INIT,
  INIT_ERROR,
  INVOKE,
  LOG,
  READY,
  RESPONSE,
  RESTORE,
  RESTORE_ERROR,
  RESTORED,
  readFrames,
} from './frames.mjs'
import { loadHandler } from './handler.mjs'
import { runAfterRestore, runBeforeSnapshot, snapStartHooks } from './snap-start.mjs'
import { awslambda, isStreaming, ResponseStream, runStreaming } from './streaming.mjs'
import { warmUp } from './warm-up.mjs'

/** What INIT says, when a launcher has read it: environment and connection are there from the start then. */
const launched = process.env.WEFT_INIT && JSON.parse(process.env.WEFT_INIT)
const socket = launched
  ? new Socket({ fd: 9, readable: true, writable: true })
  : connect(process.env.WEFT_RUNTIME_SOCKET ?? '/run/weft/runtime.sock')
delete process.env.WEFT_RUNTIME_SOCKET
delete process.env.WEFT_INIT
const send = frameWriter(socket)
const json = (value) => Buffer.from(JSON.stringify(value))

/** Not at once: when a function waits for this runtime already, its INIT comes now, and goes first. */
const warmUpAfterMs = 10
/** Where a response is refused, bytes. */
const longestAnswer = 6_291_556

let warmingUp
let handler
let running
let finishOutput = () => undefined
let logLine = (_level, args) => process.stderr.write(`${args.join(' ')}\n`)

/** AWS's error document: errorType, errorMessage and the stack's lines. */
function errorDocument(error) {
  if (error instanceof Error) {
    return {
      errorType: error.name,
      errorMessage: error.message,
      trace: typeof error.stack === 'string' ? error.stack.split('\n') : [],
    }
  }
  return { errorType: typeof error, errorMessage: String(error), trace: [] }
}

/** The same, as the log shows it: with the error's own properties. */
const loggedError = (error) => {
  if (!(error instanceof Error))
    return JSON.stringify({ errorType: typeof error, errorMessage: String(error), stack: [] })
  const { name: _name, message: _message, stack: _stack, ...own } = error
  const told = { errorType: error.name, errorMessage: error.message, stack: String(error.stack).split('\n') }
  try {
    return JSON.stringify({ ...own, ...told })
  } catch {
    // Errors of HTTP clients hold sockets and cycles; those properties are left out.
    return JSON.stringify(told)
  }
}

async function init({ handler: name, taskRoot, environment, logFormat, snapStart }) {
  // The runtime's own boot environment is not the function's.
  for (const key of Object.keys(process.env)) delete process.env[key]
  Object.assign(process.env, environment)
  process.chdir(taskRoot)
  // NODE_PATH was read when the runtime booted, without the function's.
  Module._initPaths()
  const write = (atMs, message) => {
    const stamp = Buffer.allocUnsafe(8)
    stamp.writeDoubleBE(atMs, 0)
    send(LOG, stamp, Buffer.from(message))
  }
  const rests = [captureStream(process.stdout, write), captureStream(process.stderr, write)]
  finishOutput = () => {
    for (const rest of rests) rest()
  }
  logLine = captureConsole({
    write,
    requestId: () => running?.requestId,
    tenantId: () => running?.tenantId,
    logFormat,
    logLevel: environment.AWS_LAMBDA_LOG_LEVEL,
  })
  globalThis.awslambda = Object.freeze({ ...awslambda, ...snapStartHooks })
  try {
    const loaded = await loadHandler(taskRoot, name)
    if (snapStart) await runBeforeSnapshot()
    handler = loaded
    send(READY)
  } catch (error) {
    logLine('ERROR', [`Uncaught Exception \t${loggedError(error)}`])
    send(INIT_ERROR, json(errorDocument(error)))
  }
}

async function restore() {
  try {
    await runAfterRestore()
    finishOutput()
    send(RESTORED)
  } catch (error) {
    logLine('ERROR', [`Restore Error \t${loggedError(error)}`])
    finishOutput()
    send(RESTORE_ERROR, json(errorDocument(error)))
  }
}

function answer(invocation, type, body) {
  // Later answers of the same invocation (a callback called twice, a rejected promise after it) are dropped, as on AWS.
  if (running !== invocation) return
  running = undefined
  finishOutput()
  send(type, Buffer.from(invocation.requestId, 'latin1'), body)
}

function succeed(invocation, result) {
  let body
  try {
    body = Buffer.from(JSON.stringify(result === undefined ? null : result) ?? 'null')
  } catch (error) {
    return fail(
      invocation,
      Object.assign(new Error(`Unable to stringify response body as json: ${error.message}`), {
        name: 'Runtime.MarshalError',
      }),
    )
  }
  if (body.length > longestAnswer)
    return answer(
      invocation,
      ERROR,
      json({
        errorMessage: `Response payload size exceeded maximum allowed payload size (${longestAnswer} bytes).`,
        errorType: 'Function.ResponseSizeTooLarge',
      }),
    )
  answer(invocation, RESPONSE, body)
}

function fail(invocation, error) {
  if (running !== invocation) return
  logLine('ERROR', [`Invoke Error \t${loggedError(error)}`])
  answer(invocation, ERROR, json(errorDocument(error)))
}

/** An error outside any promise of the handler ends the environment, as on AWS, after its invocation was answered. */
function die(name, error) {
  const fault =
    error instanceof Error && name === 'Runtime.UnhandledPromiseRejection'
      ? Object.assign(new Error(String(error)), { name, reason: error })
      : error
  const title = name === 'Runtime.UnhandledPromiseRejection' ? 'Unhandled Promise Rejection' : 'Uncaught Exception'
  logLine('ERROR', [`${title} \t${loggedError(fault)}`])
  if (running) answer(running, FATAL, json(errorDocument(fault)))
  else if (!handler) send(INIT_ERROR, json(errorDocument(fault)))
  socket.end(() => process.exit(name === 'Runtime.UnhandledPromiseRejection' ? 128 : 129))
}

function contextOf(invocation, header) {
  return {
    callbackWaitsForEmptyEventLoop: true,
    functionVersion: process.env.AWS_LAMBDA_FUNCTION_VERSION,
    functionName: process.env.AWS_LAMBDA_FUNCTION_NAME,
    memoryLimitInMB: process.env.AWS_LAMBDA_FUNCTION_MEMORY_SIZE,
    logGroupName: process.env.AWS_LAMBDA_LOG_GROUP_NAME,
    logStreamName: process.env.AWS_LAMBDA_LOG_STREAM_NAME,
    clientContext: header.clientContext === undefined ? undefined : JSON.parse(header.clientContext),
    identity: header.identity === undefined ? undefined : JSON.parse(header.identity),
    invokedFunctionArn: header.invokedFunctionArn,
    tenantId: header.tenantId,
    awsRequestId: header.requestId,
    getRemainingTimeInMillis: () => Math.max(0, header.deadlineMs - Date.now()),
    done: (error, result) => (error ? fail(invocation, error) : succeed(invocation, result)),
    succeed: (result) => succeed(invocation, result),
    fail: (error) => fail(invocation, error),
  }
}

function invoke(body) {
  const headerLength = body.readUInt32BE(0)
  const header = JSON.parse(body.toString('utf8', 4, 4 + headerLength))
  const invocation = { requestId: header.requestId, tenantId: header.tenantId, whenIdle: undefined }
  running = invocation
  if (header.traceId === undefined) delete process.env._X_AMZN_TRACE_ID
  else process.env._X_AMZN_TRACE_ID = header.traceId
  let result
  try {
    const event = JSON.parse(body.toString('utf8', 4 + headerLength))
    const context = contextOf(invocation, header)
    if (isStreaming(handler)) return stream(invocation, event, context)
    const callback = (error, value) => {
      const finish = () =>
        error === undefined || error === null ? succeed(invocation, value) : fail(invocation, error)
      // A callback's answer waits until nothing more is to be done, unless the function says otherwise.
      if (context.callbackWaitsForEmptyEventLoop) invocation.whenIdle ??= finish
      else finish()
      if (context.callbackWaitsForEmptyEventLoop) waitForIdle(invocation)
    }
    result = handler(event, context, callback)
  } catch (error) {
    return fail(invocation, error)
  }
  if (typeof result?.then === 'function') {
    result.then(
      (value) => succeed(invocation, value),
      (error) => fail(invocation, error),
    )
  } else if (result !== undefined && handler.length < 3) succeed(invocation, result)
  else waitForIdle(invocation)
}

function stream(invocation, event, { done: _done, succeed: _succeed, fail: _fail, ...context }) {
  const id = Buffer.from(invocation.requestId, 'latin1')
  const sendPart = (type, ...parts) => {
    // What is written after the end is dropped, as on AWS.
    if (running === invocation) send(type, id, ...parts)
    else if (typeof parts.at(-1) === 'function') parts.pop()()
  }
  const response = new ResponseStream(sendPart, handler)
  runStreaming(handler, event, response, context, {
    end: () => answer(invocation, END, Buffer.alloc(0)),
    fail: (error) => {
      fail(invocation, error)
      response.destroy()
    },
    warn: (message) => logLine('WARN', [message]),
  })
}

/**
 * Ends a callback-style invocation once the event loop holds nothing but our own connection: with the callback's
 * answer, or with null when it was never called. Node says so through 'beforeExit', for which the connection must not
 * count; it counts again before the next frame can arrive.
 */
function waitForIdle(invocation) {
  socket.unref()
  process.once('beforeExit', () => {
    socket.ref()
    if (running !== invocation) return
    if (invocation.whenIdle) invocation.whenIdle()
    else succeed(invocation, null)
  })
}

process.on('uncaughtException', (error) => die('Runtime.UncaughtException', error))
process.on('unhandledRejection', (reason) =>
  die('Runtime.UnhandledPromiseRejection', reason instanceof Error ? reason : new Error(String(reason))),
)
socket.on('error', () => process.exit(1))
socket.on('close', () => process.exit(0))
socket.on('connect', () => {
  send(HELLO, json({ language: 'nodejs', version: process.version }))
  warmingUp = setTimeout(warmUp, warmUpAfterMs)
})
readFrames(socket, (type, body) => {
  socket.ref()
  clearTimeout(warmingUp)
  if (type === INIT) void init(JSON.parse(body.toString('utf8')))
  else if (type === INVOKE) invoke(body)
  else if (type === RESTORE) void restore()
})
if (launched) void init({ ...launched, environment: { ...process.env } })
