using System;
using System.Collections.Generic;
using System.Linq;
using System.Threading;

/// <summary>An order without items; its name and message are what the caller sees.</summary>
public class EmptyOrder : Exception
{
    public EmptyOrder(string customer) : base($"the order of {customer} has no items") { }
}

/// <summary>Adds up orders.</summary>
public static class Till
{
    /// <summary>Kept between the calls of one environment.</summary>
    static int calls;

    static object Total(Dictionary<string, object> order, string requestId)
    {
        calls += 1;
        var customer = (string)order["customer"];
        Console.WriteLine("order of " + customer);
        var items = (List<object>)order["items"];
        if (items.Count == 0) throw new EmptyOrder(customer);
        if (order.TryGetValue("preparationMs", out var ms)) Thread.Sleep((int)(double)ms);
        var cents = items.Cast<Dictionary<string, object>>().Sum(item => (double)item["quantity"] * (double)item["priceCents"]);
        return new Dictionary<string, object>
        {
            ["customer"] = customer,
            ["totalCents"] = cents,
            ["runtime"] = "csharp on mono",
            ["requestId"] = requestId,
            ["function"] = Environment.GetEnvironmentVariable("AWS_LAMBDA_FUNCTION_NAME"),
            ["call"] = (double)calls,
        };
    }

    public static void Main() => Lambda.Serve(Total);
}
