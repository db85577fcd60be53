import type { HttpApi, HttpStage } from '@weft/contracts'
import { type ApiAnswer, type ApiCall, type ApiOperations, newId, page } from './calls.ts'
import { changeApi, readingApi } from './change.ts'
import { Members, notFound } from './members.ts'
import { isPartName, type PartKind, type PartName, partKinds } from './parts.ts'

/** Create, get, list, update and delete of routes, integrations, authorizers, stages and deployments. */
export const partOperations: ApiOperations = (call) => {
  const [family, apiId = '', name = '', id, ...rest] = call.path
  const { method } = call.request
  if (family !== 'apis' || !isPartName(name) || rest.length > 0) return undefined
  if (id === undefined)
    return method === 'POST' ? create(call, apiId, name) : method === 'GET' ? list(call, apiId, name) : undefined
  switch (method) {
    case 'GET':
      return readingApi(call, apiId, (api) => {
        const part = find(api, name, id)
        return part === undefined ? missing(name, id) : { status: 200, body: partKinds[name].show(part) }
      })
    case 'PATCH':
      return partKinds[name].update ? update(call, apiId, name, id) : undefined
    case 'DELETE':
      return remove(call, apiId, name, id)
    default:
      return undefined
  }
}

const partsOf = (api: HttpApi, name: PartName): Readonly<Record<string, unknown>> => api[name]
const find = (api: HttpApi, name: PartName, id: string): unknown =>
  Object.hasOwn(partsOf(api, name), id) ? partsOf(api, name)[id] : undefined
const missing = (name: PartName, id: string) => ({ problem: notFound(partKinds[name].what, id) })

function create(call: ApiCall, apiId: string, name: PartName): Promise<ApiAnswer> {
  const kind = partKinds[name]
  const stamp = { id: newId(7), date: nowOf(call) }
  return changeApi(call, apiId, (api) => {
    let stage: string | undefined
    const read = Members.read(call.body, (members) => {
      if (name === 'deployments') stage = members.text('stageName', 128)
      return kind.create(members, api, stamp)
    })
    if ('problem' in read) return read
    const clash = kind.clash?.(api, read.value)
    if (clash) return { problem: clash }
    const entry = withPart(api, name, kind, read.value)
    const answer = { status: 201, body: kind.show(read.value) } as const
    if (stage === undefined) return { entry, answer }
    const before = Object.hasOwn(api.stages, stage) ? api.stages[stage] : undefined
    if (!before) return { problem: notFound('Stage', stage) }
    const deployed: HttpStage = { ...before, deploymentId: stamp.id, lastUpdatedDate: stamp.date }
    return { entry: { ...entry, stages: { ...entry.stages, [stage]: deployed } }, answer }
  })
}

const list = (call: ApiCall, apiId: string, name: PartName): Promise<ApiAnswer> =>
  readingApi(call, apiId, (api) => page(Object.values(partsOf(api, name)).map(partKinds[name].show), call.query))

function update(call: ApiCall, apiId: string, name: PartName, id: string): Promise<ApiAnswer> {
  const kind = partKinds[name]
  return changeApi(call, apiId, (api) => {
    const before = find(api, name, id)
    if (before === undefined) return missing(name, id)
    const read = Members.read(call.body, (members) => kind.update?.(members, api, before, { date: nowOf(call) }))
    if ('problem' in read) return read
    const clash = name === 'stages' ? undefined : kind.clash?.(api, read.value)
    if (clash) return { problem: clash }
    const entry = withPart(api, name, kind, read.value)
    return { entry, answer: { status: 200, body: kind.show(read.value) } }
  })
}

function remove(call: ApiCall, apiId: string, name: PartName, id: string): Promise<ApiAnswer> {
  return changeApi(call, apiId, (api) => {
    if (find(api, name, id) === undefined) return missing(name, id)
    const problem = partKinds[name].inUse?.(api, id)
    if (problem) return { problem }
    const left = Object.fromEntries(Object.entries(partsOf(api, name)).filter(([one]) => one !== id))
    return { entry: { ...api, [name]: left }, answer: { status: 204 } }
  })
}

const withPart = (api: HttpApi, name: PartName, kind: PartKind<unknown>, part: unknown): HttpApi => ({
  ...api,
  [name]: { ...partsOf(api, name), [kind.id(part)]: part },
})

const nowOf = ({ deps }: ApiCall): string => new Date(deps.clock.now()).toISOString()
