local function fib(n)
    return if n < 2 then n else fib(n - 1) + fib(n - 2)
end

local function main(n)
    local start = time.now()
    assert(fib(tonumber(n)) > 0)
    return tostring(time.now():sub(start):seconds())
end

return { main = main }
