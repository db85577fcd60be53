import { describe, expect, it } from 'vitest'
import { type HealthOptions, healthReport } from './health.ts'

const source = (service: string, problems: string[] = [], stopping = false) => ({
  service,
  problems: () => problems,
  stopping: () => stopping,
})

describe('healthReport', () => {
  it('says what is wrong', () => {
    expect(healthReport(source('worker', ['the bus is away']))).toEqual({
      service: 'worker',
      status: 'degraded',
      problems: ['the bus is away'],
    })
  })

  it('joins the services of one process', () => {
    const options: HealthOptions = {
      ...source('weft'),
      details: () => ({ durability: 'sync' }),
      parts: () => [source('worker'), source('poller', ['no placement leader'])],
    }
    expect(healthReport(options)).toMatchObject({
      status: 'degraded',
      problems: ['poller: no placement leader'],
      details: { durability: 'sync' },
      services: [{ service: 'worker', status: 'ok' }, { service: 'poller' }],
    })
  })

  it('is stopping while a part stops', () => {
    const parts = () => [source('worker', [], true)]
    expect(healthReport({ ...source('weft'), parts }).status).toBe('stopping')
  })
})
