-- Looks at no name while it is loaded, and its main function has nothing of what is around it.
local parts = {}
for number = 1, 3 do parts[number] = ("part "):rep(number) end

return {
    main = function(way)
        if way == "leaves" then
            left = way
            _G.also_left = way
        end
        return left == nil and also_left == nil and rawget(_G, "left") == nil
    end,
}
