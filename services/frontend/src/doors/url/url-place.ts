import type { DoorHead } from '../door.ts'

/** Which URL a request is for, and what of its path the function sees. */
export interface UrlPlace {
  readonly urlId: string
  readonly domainName: string
  readonly rawPath: string
}

const ofHost = /^([a-z2-7]{32})\.lambda-url\.([a-z0-9-]+)\.([^:]+)(?::\d+)?$/i
const ofPath = /^\/_url\/([a-z2-7]{32})(\/.*)?$/

/**
 * By host name, whatever domain it is below, or by path, for clients to whom no such name leads. Undefined for requests
 * that are for no function URL.
 */
export function urlPlaceOf(
  { headers, rawPath }: Pick<DoorHead, 'headers' | 'rawPath'>,
  { region, domain }: { readonly region: string; readonly domain: string },
): UrlPlace | undefined {
  const host = headers.host ?? ''
  // No request of an AWS SDK has such a host or path, so the common one is decided by two looks.
  const named = host.includes('.lambda-url.') ? ofHost.exec(host) : null
  if (named) {
    const urlId = (named[1] as string).toLowerCase()
    return { urlId, domainName: host.replace(/:\d+$/, ''), rawPath }
  }
  const path = rawPath.startsWith('/_url/') ? ofPath.exec(rawPath) : null
  if (!path) return undefined
  const urlId = path[1] as string
  return { urlId, domainName: `${urlId}.lambda-url.${region}.${domain}`, rawPath: path[2] ?? '/' }
}
