import { describe, expect, it } from 'vitest'
import { lambdaModel, operationNames } from './model/model.ts'
import { matchRoute } from './route.ts'

const sampleArn = 'arn:aws:lambda:us-east-1:123456789012:function:name'

describe('matchRoute', () => {
  it.each(operationNames)('finds %s, with and without a trailing slash', (operation) => {
    const model = lambdaModel.operations[operation]
    const query = model.query ? new URLSearchParams(model.query).toString() : ''
    const path = model.path.replace(/\{(\w+)\}/g, encodeURIComponent(sampleArn))
    const labels = Object.fromEntries([...model.path.matchAll(/\{(\w+)\}/g)].map(([, label]) => [label, sampleArn]))
    for (const slash of ['', '/'])
      expect(matchRoute(model.method, path + slash, query)).toMatchObject({ ok: true, value: { operation, labels } })
  })

  it('decodes labels once', () => {
    expect(matchRoute('GET', '/2015-03-31/functions/a%253Ab', '')).toMatchObject({
      ok: true,
      value: { labels: { FunctionName: 'a%3Ab' } },
    })
  })

  it.each([
    ['GET', '/2015-03-31/functions/%zz', 'ValidationException'],
    ['GET', '/2015-03-31/functions/%c0%af', 'ValidationException'],
    ['GET', '/2015-03-31/functions/../functions', 'ValidationException'],
    ['GET', '/2015-03-31/functions//configuration', 'UnknownOperationException'],
    ['GET', '//2015-03-31/functions', 'UnknownOperationException'],
    ['GET', '/2015-03-31/functions//', 'UnknownOperationException'],
    ['PATCH', '/2015-03-31/functions', 'UnknownOperationException'],
    ['GET', '/', 'UnknownOperationException'],
    ['GET', '*', 'UnknownOperationException'],
    ['GET', '', 'UnknownOperationException'],
    ['GET', '/__proto__', 'UnknownOperationException'],
  ])('refuses %s %s', (method, path, code) => {
    expect(matchRoute(method, path, '')).toMatchObject({ ok: false, error: { code } })
  })

  it('refuses a query that is not UTF-8', () => {
    expect(matchRoute('GET', '/2015-03-31/functions', 'Marker=%ff')).toMatchObject({
      error: { code: 'ValidationException' },
    })
  })
})
