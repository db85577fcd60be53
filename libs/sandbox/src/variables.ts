/** The environment variables of a function (developer guide, configuration-envvars; values as recorded in 2025). */
import { imageRuntime } from '@weft/contracts'

import type { InitializationType } from './platform-events.ts'

export interface FunctionFacts {
  readonly functionName: string
  readonly version: string
  readonly handler: string
  readonly runtime: string
  readonly memoryMb: number
  readonly region: string
  readonly logGroup: string
  readonly logStream: string
  readonly logFormat: string
  /** `on-demand` when absent. */
  readonly initializationType?: InitializationType
  readonly environment: Readonly<Record<string, string>>
}

export interface SandboxFacts {
  /** As seen inside. */
  readonly taskRoot: string
  /** Where layers are seen: /opt but in sandboxes that share the host's files. */
  readonly layersRoot: string
  /** host:port of the Runtime API. */
  readonly runtimeApi: string
  /** URL at which functions reach the fabric back; undefined when they cannot. */
  readonly endpointUrl: string | undefined
  /** What the sandbox needs beside. */
  readonly variables?: Readonly<Record<string, string>> | undefined
}

export interface SessionCredentials {
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly sessionToken: string
}

/** Where a function fetches its session credentials, in the way of containers; whoever asks needs the token. */
export interface CredentialsEndpoint {
  readonly url: string
  readonly token: string
}

/** Set before the function's own, which win. */
const defaults = ({ taskRoot, layersRoot }: SandboxFacts, runtime: string): Record<string, string> => ({
  LANG: 'en_US.UTF-8',
  TZ: ':UTC',
  PATH: `/var/lang/bin:/usr/local/bin:/usr/bin/:/bin:${layersRoot}/bin`,
  LD_LIBRARY_PATH: libraryPath(taskRoot, layersRoot),
  HOME: '/tmp',
  ...searchPaths(runtime, taskRoot, layersRoot),
})

/** An image says the rest itself. */
const imageDefaults: Readonly<Record<string, string>> = {
  PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
  HOME: '/tmp',
}

/** Where the dynamic linker looks. It reads the variable when a program starts, so runtimes boot with it. */
export const libraryPath = (taskRoot = '/var/task', layersRoot = '/opt'): string =>
  `/var/lang/lib:/lib64:/usr/lib64:/var/runtime:/var/runtime/lib:${taskRoot}:${taskRoot}/lib:${layersRoot}/lib`

/** Where each language finds what layers bring (developer guide, packaging-layers). */
function searchPaths(runtime: string, taskRoot: string, layersRoot: string): Record<string, string> {
  const [, language = '', version = ''] = /^([a-z]+)([\d.]*)/.exec(runtime) ?? []
  switch (language) {
    case 'nodejs':
      return {
        NODE_PATH: [
          `${layersRoot}/nodejs/node${Number.parseInt(version, 10)}/node_modules`,
          `${layersRoot}/nodejs/node_modules`,
          ...['/var/runtime/node_modules', '/var/runtime', taskRoot],
        ].join(':'),
      }
    case 'python':
      return { PYTHONPATH: '/var/runtime' }
    case 'ruby':
      return {
        GEM_PATH: `${taskRoot}/vendor/bundle/ruby/${version}.0:${layersRoot}/ruby/gems/${version}.0`,
        RUBYLIB: `${taskRoot}:/var/runtime/lib:${layersRoot}/ruby/lib`,
      }
    default:
      return {}
  }
}

/** Set after the function's own: these names are reserved, and no caller can choose their values. */
export function functionVariables(
  facts: FunctionFacts,
  sandbox: SandboxFacts,
  credentials: SessionCredentials | CredentialsEndpoint | undefined,
): Record<string, string> {
  const isImage = facts.runtime === imageRuntime
  const general = isImage ? imageDefaults : defaults(sandbox, facts.runtime)
  const variables: Record<string, string> = { ...general, ...sandbox.variables }
  if (sandbox.endpointUrl !== undefined) variables.AWS_ENDPOINT_URL = sandbox.endpointUrl
  Object.assign(variables, facts.environment)
  return Object.assign(variables, {
    AWS_REGION: facts.region,
    AWS_DEFAULT_REGION: facts.region,
    AWS_LAMBDA_FUNCTION_NAME: facts.functionName,
    AWS_LAMBDA_FUNCTION_VERSION: facts.version,
    AWS_LAMBDA_FUNCTION_MEMORY_SIZE: `${facts.memoryMb}`,
    AWS_LAMBDA_INITIALIZATION_TYPE: facts.initializationType ?? 'on-demand',
    AWS_LAMBDA_LOG_GROUP_NAME: facts.logGroup,
    AWS_LAMBDA_LOG_STREAM_NAME: facts.logStream,
    AWS_LAMBDA_LOG_FORMAT: facts.logFormat,
    AWS_LAMBDA_RUNTIME_API: sandbox.runtimeApi,
    ...(!isImage && runtimeVariables(facts, sandbox)),
    ...(credentials && credentialVariables(credentials)),
  })
}

const credentialVariables = (credentials: SessionCredentials | CredentialsEndpoint): Record<string, string> =>
  'url' in credentials
    ? { AWS_CONTAINER_CREDENTIALS_FULL_URI: credentials.url, AWS_CONTAINER_AUTHORIZATION_TOKEN: credentials.token }
    : {
        AWS_ACCESS_KEY_ID: credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: credentials.secretAccessKey,
        AWS_SESSION_TOKEN: credentials.sessionToken,
      }

/** What an image sets itself, or does without. */
const runtimeVariables = ({ handler, runtime }: FunctionFacts, { taskRoot }: SandboxFacts): Record<string, string> => ({
  _HANDLER: handler,
  AWS_EXECUTION_ENV: `AWS_Lambda_${runtime}`,
  LAMBDA_TASK_ROOT: taskRoot,
  LAMBDA_RUNTIME_DIR: '/var/runtime',
})

/** What only the runtime is told (developer guide, runtimes-extensions-api). */
const notForExtensions: readonly string[] = [
  ...['_HANDLER', '_X_AMZN_TRACE_ID', 'AWS_EXECUTION_ENV', 'AWS_LAMBDA_LOG_GROUP_NAME', 'AWS_LAMBDA_LOG_STREAM_NAME'],
  ...['AWS_LAMBDA_LOG_FORMAT', 'AWS_XRAY_CONTEXT_MISSING', 'AWS_XRAY_DAEMON_ADDRESS', 'LAMBDA_RUNTIME_DIR'],
  ...['LAMBDA_TASK_ROOT', 'NODE_PATH', 'PYTHONPATH', 'GEM_PATH', 'RUBYLIB'],
]

/** Of the variables of a function those that the extensions beside it have too. */
export const extensionVariables = (variables: Readonly<Record<string, string>>): Record<string, string> =>
  Object.fromEntries(Object.entries(variables).filter(([name]) => !notForExtensions.includes(name)))

/**
 * Variables that a language's program or the dynamic linker reads when it starts: a function that sets one cannot use a
 * stem that has booted without it.
 */
export const bootVariables: readonly string[] = [
  ...['NODE_OPTIONS', 'NODE_EXTRA_CA_CERTS', 'NODE_ICU_DATA', 'NODE_NO_WARNINGS', 'NODE_PENDING_DEPRECATION'],
  ...['UV_THREADPOOL_SIZE', 'NODE_COMPILE_CACHE', 'SSL_CERT_FILE', 'SSL_CERT_DIR', 'OPENSSL_CONF'],
  ...['LD_PRELOAD', 'LD_LIBRARY_PATH', 'MALLOC_ARENA_MAX', 'GLIBC_TUNABLES', 'RUBYOPT'],
]

/** Those of a function's own variables that must be there at boot. */
export const bootEnvironment = (environment: Readonly<Record<string, string>>): Readonly<Record<string, string>> =>
  Object.fromEntries(Object.entries(environment).filter(([name]) => bootVariables.includes(name)))
