import { type HttpApi, type HttpApiEntry, type HttpDomain, httpApiKeys, isDomainName } from '@weft/contracts'
import type { ApiAnswer, ApiCall } from './calls.ts'
import { type ApiProblem, conflict, notFound } from './members.ts'

/** Changes are laid over concurrent ones this often. */
const tries = 10

type Changed<T> = { readonly entry: T | undefined; readonly answer: ApiAnswer } | { readonly problem: ApiProblem }

/** Reads an API of the account from the store, changes it and stores it; `entry` undefined removes it. */
export function changeApi(
  call: ApiCall,
  apiId: string,
  change: (api: HttpApi) => Changed<HttpApi>,
): Promise<ApiAnswer> {
  const missing = notFound('API', apiId)
  if (!/^[a-z0-9]{10}$/.test(apiId)) return Promise.resolve({ problem: missing })
  const key = httpApiKeys.api(call.request.principal.accountId, apiId)
  return changeEntry(call, key, missing, change as (entry: HttpApiEntry) => Changed<HttpApiEntry>)
}

/** The same for a domain name. */
export function changeDomain(
  call: ApiCall,
  domainName: string,
  change: (domain: HttpDomain) => Changed<HttpDomain>,
): Promise<ApiAnswer> {
  const missing = notFound('domain name', domainName)
  if (!isDomainName(domainName)) return Promise.resolve({ problem: missing })
  const key = httpApiKeys.domain(call.request.principal.accountId, domainName)
  return changeEntry(call, key, missing, change as (entry: HttpApiEntry) => Changed<HttpApiEntry>)
}

async function changeEntry(
  { deps }: ApiCall,
  key: string,
  missing: ApiProblem,
  change: (entry: HttpApiEntry) => Changed<HttpApiEntry>,
): Promise<ApiAnswer> {
  const { store } = deps.directory
  for (let left = tries; left > 0; left--) {
    const stored = await store.read(key)
    if (!stored) return { problem: missing }
    const changed = change(stored.value)
    if ('problem' in changed) return changed
    const written =
      changed.entry === undefined
        ? await store.remove(key, stored.revision)
        : await store.replace(key, changed.entry, stored.revision)
    if (written.ok) return changed.answer
  }
  return { problem: conflict('Unable to complete operation due to concurrent modification. Please try again later.') }
}

/** Reads an API of the account. */
export async function readingApi(
  { deps, request }: ApiCall,
  apiId: string,
  show: (api: HttpApi) => ApiAnswer,
): Promise<ApiAnswer> {
  const missing = { problem: notFound('API', apiId) }
  if (!/^[a-z0-9]{10}$/.test(apiId)) return missing
  const stored = await deps.directory.store.read(httpApiKeys.api(request.principal.accountId, apiId))
  return stored ? show(stored.value as HttpApi) : missing
}
