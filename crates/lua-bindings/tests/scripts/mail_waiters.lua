--= first	1
--= second	2
--= third	3
--= main	4
-- Whoever has waited longest gets the oldest message, and whoever runs meanwhile does not overtake.
local me = process.pid()
local calls = process.listen("call")
for _, name in { "first", "second", "third" } do
    coroutine.spawn(function()
        print(name, (calls:receive()))
    end)
end
for i = 1, 4 do
    process.send(me, "call", i)
end
print("main", (calls:receive()))
