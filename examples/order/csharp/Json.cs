using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;

/// <summary>Objects as dictionaries, arrays as lists, numbers as double. On .NET System.Text.Json takes this place.</summary>
public static class Json
{
    public static object Read(string text)
    {
        var at = 0;
        var value = Value(text, ref at);
        Space(text, ref at);
        if (at < text.Length) throw Unexpected(at);
        return value;
    }

    public static string Write(object value)
    {
        if (value == null) return "null";
        if (value is bool truth) return truth ? "true" : "false";
        if (value is double number) return number.ToString("R", CultureInfo.InvariantCulture);
        if (value is string text) return Quoted(text);
        if (value is List<object> list) return "[" + string.Join(",", list.Select(Write)) + "]";
        if (value is Dictionary<string, object> members)
            return "{" + string.Join(",", members.Select(one => Quoted(one.Key) + ":" + Write(one.Value))) + "}";
        throw new ArgumentException("no JSON for " + value.GetType());
    }

    static string Quoted(string text)
    {
        var quoted = new StringBuilder("\"");
        foreach (var c in text)
        {
            if (c == '"' || c == '\\') quoted.Append('\\').Append(c);
            else if (c < ' ') quoted.Append("\\u").Append(((int)c).ToString("x4"));
            else quoted.Append(c);
        }
        return quoted.Append('"').ToString();
    }

    static object Value(string text, ref int at)
    {
        Space(text, ref at);
        if (at >= text.Length) throw Unexpected(at);
        switch (text[at])
        {
            case '{':
                var members = new Dictionary<string, object>();
                at++;
                while (!Ends(text, ref at, '}', members.Count > 0))
                {
                    Space(text, ref at);
                    var name = Text(text, ref at);
                    Expect(text, ref at, ':');
                    members[name] = Value(text, ref at);
                }
                return members;
            case '[':
                var list = new List<object>();
                at++;
                while (!Ends(text, ref at, ']', list.Count > 0)) list.Add(Value(text, ref at));
                return list;
            case '"': return Text(text, ref at);
            case 't': return Word(text, ref at, "true", true);
            case 'f': return Word(text, ref at, "false", false);
            case 'n': return Word(text, ref at, "null", null);
            default: return Number(text, ref at);
        }
    }

    static bool Ends(string text, ref int at, char close, bool wantsComma)
    {
        Space(text, ref at);
        if (at < text.Length && text[at] == close)
        {
            at++;
            return true;
        }
        if (wantsComma) Expect(text, ref at, ',');
        return false;
    }

    static string Text(string text, ref int at)
    {
        Expect(text, ref at, '"');
        var value = new StringBuilder();
        while (at < text.Length)
        {
            var c = text[at++];
            if (c == '"') return value.ToString();
            if (c != '\\' || at >= text.Length)
            {
                value.Append(c);
                continue;
            }
            var kind = text[at++];
            if (kind == 'u')
            {
                value.Append((char)Convert.ToInt32(text.Substring(at, 4), 16));
                at += 4;
            }
            else
            {
                var place = "nrtbf".IndexOf(kind);
                value.Append(place < 0 ? kind : "\n\r\t\b\f"[place]);
            }
        }
        throw Unexpected(at);
    }

    static object Number(string text, ref int at)
    {
        var from = at;
        while (at < text.Length && "+-.eE0123456789".IndexOf(text[at]) >= 0) at++;
        if (at == from) throw Unexpected(at);
        return double.Parse(text.Substring(from, at - from), CultureInfo.InvariantCulture);
    }

    static object Word(string text, ref int at, string word, object value)
    {
        if (string.CompareOrdinal(text, at, word, 0, word.Length) != 0) throw Unexpected(at);
        at += word.Length;
        return value;
    }

    static void Expect(string text, ref int at, char wanted)
    {
        Space(text, ref at);
        if (at >= text.Length || text[at] != wanted) throw Unexpected(at);
        at++;
    }

    static void Space(string text, ref int at)
    {
        while (at < text.Length && " \t\r\n".IndexOf(text[at]) >= 0) at++;
    }

    static FormatException Unexpected(int at) => new FormatException("the event is no JSON at character " + at);
}
