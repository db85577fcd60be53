using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Net;
using System.Net.Sockets;
using System.Text;

/// <summary>The Runtime API over a plain connection; on .NET the package Amazon.Lambda.RuntimeSupport does the same and more.</summary>
public static class Lambda
{
    static readonly UTF8Encoding utf8 = new UTF8Encoding(false);

    /// <summary>Asks for events and answers them until the environment ends.</summary>
    public static void Serve(Func<Dictionary<string, object>, string, object> handler)
    {
        Console.SetOut(new StreamWriter(Console.OpenStandardOutput(), utf8) { AutoFlush = true });
        Console.SetError(new StreamWriter(Console.OpenStandardError(), utf8) { AutoFlush = true });
        var api = Environment.GetEnvironmentVariable("AWS_LAMBDA_RUNTIME_API");
        var at = api.LastIndexOf(':');
        using (var socket = new Socket(AddressFamily.InterNetwork, SocketType.Stream, ProtocolType.Tcp))
        {
            socket.Connect(new IPEndPoint(IPAddress.Parse(api.Substring(0, at)), int.Parse(api.Substring(at + 1))));
            socket.NoDelay = true;
            var stream = new BufferedStream(new NetworkStream(socket));
            while (true)
            {
                var (requestId, body) = Request(stream, api, "GET", "next", "");
                var (kind, answer) = Run(handler, body, requestId);
                Request(stream, api, "POST", $"{requestId}/{kind}", Json.Write(answer));
            }
        }
    }

    static (string, object) Run(Func<Dictionary<string, object>, string, object> handler, string body, string requestId)
    {
        try
        {
            return ("response", handler((Dictionary<string, object>)Json.Read(body), requestId));
        }
        catch (Exception error)
        {
            Console.Error.WriteLine(error);
            var trace = (error.StackTrace ?? "").Split('\n').Select(line => (object)line.Trim()).ToList();
            return ("error", new Dictionary<string, object>
            {
                ["errorType"] = error.GetType().Name,
                ["errorMessage"] = error.Message,
                ["stackTrace"] = trace,
            });
        }
    }

    /// <summary>The request id of the answer, if it has one, and its body.</summary>
    static (string, string) Request(Stream stream, string host, string method, string path, string body)
    {
        var bytes = utf8.GetBytes(body);
        var head = $"{method} /2018-06-01/runtime/invocation/{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: {bytes.Length}\r\n\r\n";
        stream.Write(Encoding.ASCII.GetBytes(head), 0, head.Length);
        stream.Write(bytes, 0, bytes.Length);
        stream.Flush();
        string requestId = null;
        var length = 0;
        for (var line = Line(stream); line != ""; line = Line(stream))
        {
            var colon = line.IndexOf(": ", StringComparison.Ordinal);
            if (colon < 0) continue;
            var value = line.Substring(colon + 2);
            switch (line.Substring(0, colon).ToLowerInvariant())
            {
                case "lambda-runtime-aws-request-id": requestId = value; break;
                case "content-length": length = int.Parse(value); break;
            }
        }
        var answer = new byte[length];
        for (var had = 0; had < length;)
        {
            var more = stream.Read(answer, had, length - had);
            if (more == 0) throw new EndOfStreamException();
            had += more;
        }
        return (requestId, utf8.GetString(answer));
    }

    static string Line(Stream stream)
    {
        var line = new StringBuilder();
        for (var one = stream.ReadByte(); one != '\n'; one = stream.ReadByte())
        {
            if (one < 0) throw new EndOfStreamException();
            if (one != '\r') line.Append((char)one);
        }
        return line.ToString();
    }
}
