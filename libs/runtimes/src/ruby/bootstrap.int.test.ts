import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { detectRuntimes } from '../detect.ts'
import { runtimePrograms } from '../managed.ts'
import { HostSide } from '../testing/host-side.ts'

const id = '01234567-89ab-4def-8123-456789abcdef'
const rubies = detectRuntimes().filter((runtime) => runtime.language === 'ruby')

test('the host has a Ruby', () => {
  expect(rubies).not.toEqual([])
})

describe.each(rubies)('$id', ({ binary, version }) => {
  const started = async (handler: string, files: Record<string, string>, environment: Record<string, string> = {}) => {
    const host = await HostSide.start([binary, '-EUTF-8', join(runtimePrograms.ruby, 'bootstrap.rb')], files)
    expect(JSON.parse((await host.answer()).body)).toEqual({ language: 'ruby', version })
    host.init(handler, environment)
    return host
  }
  const ready = async (...args: Parameters<typeof started>) => {
    const host = await started(...args)
    expect((await host.answer()).type).toBe(17)
    return host
  }
  const call = async (host: HostSide, payload = '{}', header = {}) => {
    host.invoke(id, payload, header)
    const { logs, type, body } = await host.answer()
    expect(body.slice(0, 36)).toBe(id)
    return { logs, type, value: JSON.parse(body.slice(36)) }
  }

  test('runs a method of a file, with its environment, context, prints and logging', async () => {
    await using host = await ready(
      'app.run',
      {
        'app.rb': `require_relative 'lib/counter'
require 'logger'
def run(event:, context:)
  puts "printed #{event['a']}", 'twice'
  $stderr.print 'no end'
  Logger.new($stdout).info('logged')
  { n: Counter.next, x: ENV['X'], id: context.aws_request_id, memory: context.memory_limit_in_mb,
    left: context.get_remaining_time_in_millis > 0, here: File.exist?('app.rb'), trace: ENV['_X_AMZN_TRACE_ID'] }
end`,
        'lib/counter.rb': 'module Counter; def self.next = @count = (@count || 0) + 1; end',
      },
      { X: 'y', AWS_LAMBDA_FUNCTION_MEMORY_SIZE: '128' },
    )
    const { logs, value } = await call(host, '{"a":"é"}', { traceId: 'Root=1' })
    expect(value).toEqual({ n: 1, x: 'y', id, memory: '128', left: true, here: true, trace: 'Root=1' })
    expect(logs.slice(0, 2)).toEqual(['printed é', 'twice'])
    expect(logs[2]).toMatch(/^I, \[[\d-]+T[\d:.]+ #\d+\] {2}INFO 01234567-89ab-4def-8123-456789abcdef -- : logged$/)
    expect(logs[3]).toBe('no end')
    expect((await call(host)).value).toMatchObject({ n: 2, trace: null })
  })

  test('runs a class method of a module', async () => {
    await using host = await ready('app.Shop::Till.total', {
      'app.rb': 'module Shop; class Till; def self.total(event:, context:) = event.sum; end; end',
    })
    expect((await call(host, '[1,2.5]')).value).toBe(3.5)
  })

  test('finds libraries and gems where layers and packages hold them', async () => {
    await using host = await started(
      'app.run',
      {
        'app.rb': "require 'plain'\nrequire 'gemmed'\ndef run(event:, context:) = [PLAIN, GEMMED]",
        'lib/plain.rb': "PLAIN = 'on the path'",
        'gems/gems/gemmed-1.0/lib/gemmed.rb': "GEMMED = 'a gem'",
        'gems/specifications/gemmed-1.0.gemspec':
          "Gem::Specification.new { |s| s.name = 'gemmed'; s.version = '1.0'; s.summary = 'x'; s.authors = ['x'] }",
      },
      { RUBYLIB: 'lib', GEM_PATH: 'gems' },
    )
    expect((await host.answer()).type).toBe(17)
    expect((await call(host)).value).toEqual(['on the path', 'a gem'])
  })

  test('tells an exception by type, message and trace, and goes on', async () => {
    await using host = await ready('app.run', {
      'app.rb':
        'class Closed < StandardError; end\ndef run(event:, context:)\n  raise Closed, "no tea" if event["fail"]\nend',
    })
    const failed = await call(host, '{"fail":true}')
    expect(failed.type).toBe(20)
    expect(failed.value).toMatchObject({ errorType: 'Function<Closed>', errorMessage: 'no tea' })
    expect(failed.value.stackTrace).toEqual([expect.stringMatching(/app\.rb:3:in [`'].*run'$/)])
    expect(failed.logs[0]).toMatch(/^Error raised from handler method\n\{\n {2}"errorMessage": "no tea"/)
    expect((await call(host)).value).toBeNull()
  })

  test.each([
    ['Float::NAN', 'Function<JSON::GeneratorError>'],
    ["'x' * 6_291_555", 'Function.ResponseSizeTooLarge'],
  ])('refuses the answer %s', async (answer, errorType) => {
    await using host = await ready('app.run', { 'app.rb': `def run(event:, context:) = ${answer}` })
    expect((await call(host)).value.errorType).toBe(errorType)
  })

  test('exit ends the environment with its status', async () => {
    await using host = await ready('app.run', { 'app.rb': 'def run(event:, context:) = exit(3)' })
    host.invoke(id, '{}')
    expect(await host.exited).toBe(3)
  })

  test.each([
    ['app.nope', 'Init<NameError>'],
    ['missing.run', 'Init<LoadError>'],
    ['nodot', 'Init<ArgumentError>'],
    ['broken.run', 'Init<SyntaxError>'],
    ['throws.run', 'Init<ZeroDivisionError>'],
  ])('tells why %s does not initialise', async (handler, errorType) => {
    await using host = await started(handler, { 'app.rb': '', 'broken.rb': 'def run(', 'throws.rb': '1 / 0' })
    const { type, body } = await host.answer()
    expect(type).toBe(18)
    expect(JSON.parse(body).errorType).toBe(errorType)
  })
})
