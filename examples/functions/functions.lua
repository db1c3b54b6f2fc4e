local funcs = require("funcs")

local function main()
    -- Waits for the result. An error of the function arrives as it was.
    print("2 apples:", funcs.call("app:price", "apple", 2))
    local price, err = funcs.call("app:price", "stone", 1)
    print("a stone:", price, err:kind(), err)

    -- Side by side: a future has a channel that gives the result once.
    local futures = {}
    for count = 1, 3 do
        futures[count] = funcs.async("app:price", "pear", count)
    end
    for count, future in futures do
        local result = future:channel():receive()
        print(count .. " pears:", result:data())
    end

    -- What the caller sets reaches whatever is called or spawned from there.
    local discounted = funcs.new():with_context({ discount = 0.5 })
    print("2 apples at half price:", discounted:call("app:price", "apple", 2))
    return true
end

return { main = main }
