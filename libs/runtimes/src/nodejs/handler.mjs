// Finds the user's handler: `file.export` or `path/file.object.method`, CommonJS and ES modules.
import { existsSync, readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'

/** An error whose `errorType` AWS's runtime would report. */
export class RuntimeFault extends Error {
  constructor(name, message) {
    super(message)
    this.name = name
  }
}

const isModulePackage = (taskRoot, file) => {
  for (let folder = dirname(file); folder.startsWith(taskRoot); folder = dirname(folder)) {
    const manifest = join(folder, 'package.json')
    if (existsSync(manifest)) return JSON.parse(readFileSync(manifest, 'utf8')).type === 'module'
    if (folder === taskRoot) break
  }
  return false
}

async function loadModule(taskRoot, modulePath) {
  const base = resolve(taskRoot, modulePath)
  const require = createRequire(join(taskRoot, 'index.js'))
  const found = [base, `${base}.js`, `${base}.mjs`, `${base}.cjs`].find(
    (path) => /\.(js|mjs|cjs)$/.test(path) && existsSync(path),
  )
  try {
    if (found && (found.endsWith('.mjs') || (found.endsWith('.js') && isModulePackage(taskRoot, found)))) {
      return await import(pathToFileURL(found).href)
    }
    // Through node_modules, as AWS resolves handlers that live in layers or packages.
    return require(
      found ?? require.resolve(modulePath, { paths: [taskRoot, join(taskRoot, 'node_modules'), '/opt/nodejs'] }),
    )
  } catch (error) {
    if (error instanceof SyntaxError)
      throw new RuntimeFault('Runtime.UserCodeSyntaxError', `${error.name}: ${error.message}`)
    if (error?.code === 'MODULE_NOT_FOUND' || error?.code === 'ERR_MODULE_NOT_FOUND') {
      throw new RuntimeFault('Runtime.ImportModuleError', `Error: ${String(error.message).split('\n')[0]}`)
    }
    throw error
  }
}

/** Loads the handler named `handlerString`; throws errors named as AWS names them. */
export async function loadHandler(taskRoot, handlerString) {
  if (handlerString.includes('..')) {
    throw new RuntimeFault(
      'Runtime.MalformedHandlerName',
      `'${handlerString}' is not a valid handler name. Use absolute paths when specifying root directories in handler names.`,
    )
  }
  const file = basename(handlerString)
  const folder = handlerString.slice(0, handlerString.length - file.length)
  const dot = file.indexOf('.')
  if (dot <= 0) throw new RuntimeFault('Runtime.MalformedHandlerName', 'Bad handler')
  const module = await loadModule(taskRoot, join(folder, file.slice(0, dot)))
  const path = file.slice(dot + 1).split('.')
  const pick = (from) => path.reduce((value, key) => value?.[key], from)
  const handler = pick(module) ?? pick(module.default)
  if (handler === undefined)
    throw new RuntimeFault('Runtime.HandlerNotFound', `${handlerString} is undefined or not exported`)
  if (typeof handler !== 'function')
    throw new RuntimeFault('Runtime.HandlerNotFound', `${handlerString} is not a function`)
  return handler
}
