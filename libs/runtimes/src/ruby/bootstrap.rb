# The Ruby runtime: waits for a function's code, loads its handler, and runs one invocation at a time.
#
# Speaks the frames of protocol.md over a unix socket.
require 'json'
require 'logger'
require 'socket'
require 'stringio'

module Weft
  INIT, INVOKE, RESTORE = 1, 2, 3
  HELLO, READY, INIT_ERROR, RESPONSE, ERROR, LOG, RESTORED = 16, 17, 18, 19, 20, 21, 26

  # Where an answer is refused, bytes.
  LONGEST_ANSWER = 6_291_556

  # The connection to the host.
  class Link
    def initialize(socket)
      @socket = socket
      @socket.close_on_exec = true
      @sending = Mutex.new
    end

    # The next frame as [type, body], or nil when the host has hung up.
    def read
      head = @socket.read(4)
      return nil if head.nil? || head.bytesize < 4

      length = head.unpack1('N')
      frame = @socket.read(length)
      return nil if frame.nil? || frame.bytesize < length

      [frame.getbyte(0), frame.byteslice(1..)]
    end

    # Any thread may send; a frame is written in one piece.
    def send(kind, *parts)
      body = parts.map(&:b).join
      @sending.synchronize { @socket.write([body.bytesize + 1, kind].pack('NC') + body) }
    end

    def log(text)
      send(LOG, [Time.now.to_f * 1000].pack('G'), text.encode('UTF-8', invalid: :replace, undef: :replace))
    end
  end

  # Stands in for standard output and error: what is printed becomes one message a line.
  class LogStream < StringIO
    def initialize(link, descriptor)
      super(+'')
      @link = link
      @descriptor = descriptor
      @held = +''
      @holding = Monitor.new
    end

    def write(*values)
      texts = values.map(&:to_s)
      @holding.synchronize do
        texts.each { |text| @held << text.dup.force_encoding(Encoding::UTF_8) }
        *lines, @held = @held.split("\n", -1)
        @held = @held ? +@held : +''
        lines.each { |line| @link.log(line) }
      end
      texts.sum(&:bytesize)
    end

    # Sends what is left without an end of line; called at the end of an invocation.
    def finish
      @holding.synchronize do
        held, @held = @held, +''
        @link.log(held) unless held.empty?
      end
    end

    def fileno = @descriptor
    def sync = true
    def tty? = false
    alias isatty tty?
  end

  # Lines of Ruby's Logger name the invocation, as in Lambda.
  module LogLine
    class << self
      attr_accessor :request_id
    end

    def call(severity, time, progname, message)
      stamp = time.strftime(datetime_format || '%Y-%m-%dT%H:%M:%S.%6N')
      format("%s, [%s #%d] %5s %s -- %s: %s\n", severity[0], stamp, Process.pid, severity, LogLine.request_id, progname, msg2str(message))
    end
  end

  # What a handler is given as `context:`.
  class Context
    attr_reader :aws_request_id, :invoked_function_arn, :deadline_ms, :client_context, :identity, :tenant_id

    def initialize(header)
      @aws_request_id = header['requestId']
      @invoked_function_arn = header['invokedFunctionArn']
      @deadline_ms = header['deadlineMs']
      @client_context = header['clientContext'] && JSON.parse(header['clientContext'])
      @tenant_id = header['tenantId']
      @identity = header['identity'] && JSON.parse(header['identity'])
    end

    def function_name = ENV['AWS_LAMBDA_FUNCTION_NAME']
    def function_version = ENV['AWS_LAMBDA_FUNCTION_VERSION']
    def memory_limit_in_mb = ENV['AWS_LAMBDA_FUNCTION_MEMORY_SIZE']
    def log_group_name = ENV['AWS_LAMBDA_LOG_GROUP_NAME']
    def log_stream_name = ENV['AWS_LAMBDA_LOG_STREAM_NAME']

    def get_remaining_time_in_millis
      [deadline_ms - (Time.now.to_f * 1000).to_i, 0].max
    end
  end

  # Finds what a function's setting `Handler` names: `file.method`, or `file.Module::Class.method`.
  class Handler
    def initialize(name, task_root)
      file, *owner, method = name.split('.')
      if method.nil? || owner.length > 1
        raise ArgumentError, "Invalid handler #{name}, must be of form FILENAME.METHOD or FILENAME.CLASS.METHOD where FILENAME corresponds with an existing Ruby source file FILENAME.rb, CLASS is an optional module/class namespace and METHOD is a callable method. If using CLASS, METHOD must be a class-level method."
      end

      require File.join(task_root, file)
      @method = owner.empty? ? Object.method(method) : Object.const_get(owner.first).method(method)
    end

    def call(event, context) = @method.call(event: event, context: context)
  end

  # The runtime itself.
  class Runtime
    def initialize(link)
      @link = link
    end

    # `launched`: what INIT says, when a launcher has read it; the environment is there from the start then.
    def serve(launched)
      if launched then start(JSON.parse(launched).merge('environment' => ENV.to_h))
      else @link.send(HELLO, JSON.generate({ language: 'ruby', version: RUBY_VERSION }))
      end
      while (frame = @link.read)
        kind, body = frame
        case kind
        when INIT then start(JSON.parse(body))
        when INVOKE then invoke(body) if @handler
        when RESTORE then restore
        end
      end
    end

    private

    def start(request)
      ENV.replace(request['environment'])
      ENV['TZ'] = ENV['TZ'] # Assigning it is what makes Ruby read it.
      Dir.chdir(request['taskRoot'])
      # The variables that Ruby reads when it starts, which was before they were known.
      $LOAD_PATH.unshift(*ENV.fetch('RUBYLIB', '').split(':').reject(&:empty?))
      Gem.clear_paths
      Logger::Formatter.prepend(LogLine)
      $stdout = LogStream.new(@link, 1)
      $stderr = LogStream.new(@link, 2)
      begin
        @handler = Handler.new(request['handler'], request['taskRoot'])
      rescue SystemExit
        raise
      rescue Exception => e # rubocop:disable Lint/RescueException -- whatever user code raises while it loads is the answer
        document = error_document(e, 'Init')
        log_error('Init error when loading handler', document)
        finish_output
        return @link.send(INIT_ERROR, JSON.generate(document))
      end
      finish_output
      @link.send(READY)
    end

    # Ruby has no hooks for it. An environment that others were made like must not draw the same numbers as they do.
    def restore
      srand
      @link.send(RESTORED)
    end

    def invoke(body)
      header_length = body.unpack1('N')
      header = JSON.parse(body.byteslice(4, header_length))
      event = body.byteslice((4 + header_length)..).force_encoding(Encoding::UTF_8)
      ENV['_X_AMZN_TRACE_ID'] = header['traceId']
      LogLine.request_id = header['requestId']
      kind, answer = run(event, Context.new(header))
      finish_output
      LogLine.request_id = nil
      @link.send(kind, header['requestId'], answer)
    end

    def run(event, context)
      answer = JSON.generate(@handler.call(JSON.parse(event), context))
      return [RESPONSE, answer] if answer.bytesize <= LONGEST_ANSWER

      message = "Response payload size exceeded maximum allowed payload size (#{LONGEST_ANSWER} bytes)."
      [ERROR, JSON.generate({ errorMessage: message, errorType: 'Function.ResponseSizeTooLarge' })]
    rescue SystemExit
      raise
    rescue Exception => e # rubocop:disable Lint/RescueException -- every failure of a handler is an answer
      document = error_document(e, 'Function')
      log_error('Error raised from handler method', document)
      [ERROR, JSON.generate(document)]
    end

    # The frames of this file are not the function's and are left out.
    def error_document(error, stage)
      trace = (error.backtrace || []).take_while { |line| !line.start_with?(__FILE__) }
      message = error.message.dup.force_encoding(Encoding::UTF_8).scrub
      { errorMessage: message, errorType: "#{stage}<#{error.class.name}>", stackTrace: trace }
    end

    def log_error(title, document)
      @link.log("#{title}\n#{JSON.pretty_generate(document)}")
    end

    def finish_output
      [$stdout, $stderr].each { |stream| stream.finish if stream.is_a?(LogStream) }
    end
  end
end

launched = ENV.delete('WEFT_INIT')
socket = launched ? UNIXSocket.for_fd(9) : UNIXSocket.new(ENV.fetch('WEFT_RUNTIME_SOCKET', '/run/weft/runtime.sock'))
begin
  Weft::Runtime.new(Weft::Link.new(socket)).serve(launched)
rescue SystemExit
  [$stdout, $stderr].each { |stream| stream.finish if stream.is_a?(Weft::LogStream) }
  raise
end
