--@import lib=child_library
return function() return lib.floor() .. " " .. tostring(shared_global) .. " " .. tostring(from_library) .. " " .. evaluated end
