import type { HttpApi, HttpApiSurface, HttpStage } from '@weft/contracts'
import type { DoorHead } from '../doors/door.ts'
import type { HttpApiIndex } from './directory.ts'

/** Where a request leads: an API and a stage of it, what that serves, and the path as its routes see it. */
export interface ApiPlace {
  readonly api: HttpApi
  readonly stage: HttpStage
  readonly surface: HttpApiSurface
  readonly domainName: string
  readonly domainPrefix: string
  /** As the function sees it. */
  readonly rawPath: string
  /** As routes are matched with it. */
  readonly routePath: string
}

const ofHost = /^([a-z0-9]{10})\.execute-api\.([a-z0-9-]+)\.([^:]+)$/i
const ofPath = /^\/_api\/([a-z0-9]{10})(\/.*)?$/

/**
 * Finds the API of a request: by its own host name, by path, or by a custom domain name. Undefined: the request is for
 * none; `nowhere`: for one that is not there, or for no stage of it.
 */
export function apiPlaceOf(
  { headers, rawPath }: Pick<DoorHead, 'headers' | 'rawPath'>,
  index: HttpApiIndex,
  { region, domain }: { readonly region: string; readonly domain: string },
): ApiPlace | 'nowhere' | undefined {
  const host = (headers.host ?? '').replace(/:\d+$/, '').toLowerCase()
  const named = host.includes('.execute-api.') ? ofHost.exec(host) : null
  if (named) return ofApi(index.api(named[1] as string), host, rawPath)
  const path = rawPath.startsWith('/_api/') ? ofPath.exec(rawPath) : null
  if (path) {
    const apiId = path[1] as string
    return ofApi(index.api(apiId), `${apiId}.execute-api.${region}.${domain}`, path[2] ?? '/')
  }
  return ofDomain(index, host, rawPath)
}

/** The first segment of the path may name a stage; it stays in what the function sees, as on AWS. */
function ofApi(api: HttpApi | undefined, domainName: string, rawPath: string): ApiPlace | 'nowhere' {
  if (!api || api.disableExecuteApiEndpoint) return 'nowhere'
  const [, first = '', ...rest] = rawPath.split('/')
  const named = first !== '$default' && Object.hasOwn(api.stages, first) ? api.stages[first] : undefined
  if (named) return placed(api, named, domainName, rawPath, `/${rest.join('/')}`)
  return placed(api, api.stages.$default, domainName, rawPath, rawPath)
}

/** The mapping with the most segments of the path in its key. */
function ofDomain(index: HttpApiIndex, host: string, rawPath: string): ApiPlace | 'nowhere' | undefined {
  const domain = index.domain(host)
  if (!domain) return undefined
  const fits = Object.values(domain.mappings)
    .filter(({ apiMappingKey: key }) => key === '' || rawPath === `/${key}` || rawPath.startsWith(`/${key}/`))
    .sort((a, b) => b.apiMappingKey.length - a.apiMappingKey.length)
  const [mapping] = fits
  const api = mapping && index.api(mapping.apiId)
  if (!mapping || !api || api.accountId !== domain.accountId) return 'nowhere'
  const stage = Object.hasOwn(api.stages, mapping.stage) ? api.stages[mapping.stage] : undefined
  const { apiMappingKey: key } = mapping
  return placed(api, stage, host, rawPath, key === '' ? rawPath : rawPath.slice(key.length + 1) || '/')
}

function placed(
  api: HttpApi,
  stage: HttpStage | undefined,
  domainName: string,
  rawPath: string,
  routePath: string,
): ApiPlace | 'nowhere' {
  const surface = stage && surfaceOf(api, stage)
  if (!stage || !surface) return 'nowhere'
  return { api, stage, surface, domainName, domainPrefix: domainName.split('.')[0] ?? '', rawPath, routePath }
}

function surfaceOf(api: HttpApi, { autoDeploy, deploymentId }: HttpStage): HttpApiSurface | undefined {
  if (autoDeploy) return api
  if (deploymentId === undefined) return undefined
  return Object.hasOwn(api.deployments, deploymentId) ? api.deployments[deploymentId] : undefined
}
