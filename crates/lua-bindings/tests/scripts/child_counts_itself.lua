local count = 0

local function main()
    count += 1
    local co = coroutine.create(function() count += 1 end)
    coroutine.resume(co)
    return count
end

return { main = main }
