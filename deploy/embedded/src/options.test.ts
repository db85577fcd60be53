import { expect, test } from 'vitest'
import { parseOptions } from './options.ts'

test('the defaults', () => {
  expect(parseOptions([])).toMatchObject({
    host: '127.0.0.1',
    httpPort: 9000,
    grpcPort: 9090,
    natsPort: 4222,
    sandbox: 'auto',
    durability: 'sync',
    region: 'us-east-1',
    demo: true,
  })
})

test('every option', () => {
  const args = '--data-dir /x --http-port 0 --grpc-port 1 --nats-port 2 --sandbox oci --durability default --no-demo'
  expect(parseOptions(args.split(' '))).toMatchObject({
    dataDir: '/x',
    httpPort: 0,
    grpcPort: 1,
    natsPort: 2,
    sandbox: 'oci',
    durability: 'default',
    demo: false,
  })
  expect(parseOptions(['--registries', 'localhost:5000, http://registry.lan'])).toMatchObject({
    registries: ['localhost:5000', 'http://registry.lan'],
  })
  expect(parseOptions(['--memory-mb', '4096'])).toMatchObject({ memoryMb: 4096 })
})

test.each([
  '--http-port 70000',
  '--http-port x',
  '--sandbox vm',
  '--region mars',
  '--memory-mb 12',
  '--registries a.lan/b',
  '--what',
  'stray',
])('%s is refused', (args) => {
  expect(() => parseOptions(args.split(' '))).toThrow()
})
