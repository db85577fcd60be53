import type { ApiAnswer, ApiOperations } from './calls.ts'
import { changeApi, readingApi } from './change.ts'
import { badRequest, Members } from './members.ts'
import { readTags } from './rules.ts'

const apiArn = /^arn:aws:apigateway:[a-z0-9-]+::\/apis\/([a-z0-9]{10})$/

/** Tags of APIs. */
export const tagOperations: ApiOperations = (call) => {
  // An ARN holds slashes, which clients may or may not have encoded.
  const [family, ...rest] = call.path
  if (family !== 'tags') return undefined
  const apiId = apiArn.exec(rest.join('/'))?.[1]
  if (apiId === undefined) return Promise.resolve<ApiAnswer>({ problem: badRequest('Invalid resource ARN.') })
  switch (call.request.method) {
    case 'GET':
      return readingApi(call, apiId, ({ tags }) => ({ status: 200, body: { tags } }))
    case 'POST':
      return changeApi(call, apiId, (api) => {
        const read = Members.read(call.body, readTags)
        if ('problem' in read) return read
        return { entry: { ...api, tags: { ...api.tags, ...read.value } }, answer: { status: 201, body: {} } }
      })
    case 'DELETE': {
      const gone = call.query.getAll('tagKeys')
      return changeApi(call, apiId, (api) => ({
        entry: { ...api, tags: Object.fromEntries(Object.entries(api.tags).filter(([key]) => !gone.includes(key))) },
        answer: { status: 204 },
      }))
    }
    default:
      return undefined
  }
}
