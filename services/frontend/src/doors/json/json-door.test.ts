import { describe, expect, it } from 'vitest'
import { doorRequest, sessionPrincipal, testAuthorizer, wholeBody } from '../testing.ts'
import { jsonDoor } from './json-door.ts'
import { ServiceRefusal } from './refusal.ts'

const account = '123456789012'
const door = jsonDoor({
  service: 'events',
  target: 'AWSEvents.',
  limitBytes: 1_000,
  operations: {
    PutRule: async (_context: object, input) => ({ heard: input }),
    DeleteRule: async () => {
      throw new ServiceRefusal('ResourceNotFoundException', 'There is none.')
    },
  },
  authorizer: testAuthorizer(),
  resource: (_principal, operation) => `arn:aws:events:us-east-1:${account}:rule/${operation}`,
  context: () => ({}),
})

const ask = async (operation: string, body: string, role = 'weft-full-access') => {
  const headers = { 'x-amz-target': `AWSEvents.${operation}` }
  const principal = sessionPrincipal(account, role)
  const response = await door.handle(doorRequest({ method: 'POST', headers, body: Buffer.from(body), principal }))
  return { status: response.status, ...(JSON.parse(wholeBody(response).toString()) as object) }
}

describe('a JSON door', () => {
  it('gives an operation its input, and tells its refusals', async () => {
    expect(await ask('PutRule', '{"a":1}')).toEqual({ status: 200, heard: { a: 1 } })
    expect(await ask('DeleteRule', '{}')).toMatchObject({ status: 400, __type: 'ResourceNotFoundException' })
    expect(await ask('PutRule', '[]')).toMatchObject({ __type: 'SerializationException' })
    for (const name of ['Other', '__proto__', 'constructor'])
      expect(await ask(name, '{}')).toMatchObject({ __type: 'UnknownOperationException' })
  })

  it('asks the policies of the caller', async () => {
    expect(await ask('PutRule', '{}', 'made-up')).toMatchObject({
      status: 400,
      __type: 'AccessDeniedException',
      message: `User: arn:aws:sts::${account}:assumed-role/made-up/f is not authorized to perform: events:PutRule on resource: arn:aws:events:us-east-1:${account}:rule/PutRule because no identity-based policy allows the events:PutRule action`,
    })
  })

  it('lets no role of another account be lent to its service', async () => {
    const naming = (of: string) => JSON.stringify({ Targets: [{ Id: 'a', RoleArn: `arn:aws:iam::${of}:role/r` }] })
    expect(await ask('PutRule', naming(account))).toMatchObject({ status: 200 })
    expect(await ask('PutRule', naming('210987654321'))).toMatchObject({
      message: 'Cross-account pass role is not allowed.',
    })
  })
})
